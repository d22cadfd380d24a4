package keyauth

import (
	"net/netip"

	"github.com/skipup/keys/models"
)

// addressRule is the allowlist of keys. It never changes.
type addressRule struct {
	list     models.Allowlist
	networks []netip.Prefix
}

// newAddressRule returns the rule of an allowlist, or nil if it has no effect.
func newAddressRule(list models.Allowlist) (*addressRule, error) {
	if list.Mode != models.AllowlistEnforce && list.Mode != models.AllowlistReportOnly {
		return nil, nil
	}
	networks, err := list.Prefixes()
	return &addressRule{list, networks}, err
}

// checkAddress returns an *AddressError if the allowlist of the key rejects the address of a client. If the
// allowlist only reports, it reports whether it would.
func (k *Key) checkAddress(address string) (outside bool, err error) {
	if k.addresses == nil || models.AddressIn(k.addresses.networks, address) {
		return false, nil
	}
	if k.addresses.list.Mode == models.AllowlistEnforce {
		return false, &AddressError{Key: *k}
	}
	return true, nil
}

// maxListed limits the networks in the allowlists of a cache, which take 32 bytes each. Lists are only added, so
// that a reader never finds a list in the place of another. When there is no more room, all keys are dropped.
const maxListed = 1 << 20

// numberOf returns the number of a rule in the table, adding it if necessary. It replaces the table if there
// is a new rule. Number 0 is none. The caller holds the cache's lock.
func (c *cache) numberOf(rule *addressRule) uint32 {
	if rule == nil {
		return 0
	}
	if number, known := c.ruleNumbers[rule.list]; known {
		return number
	}
	next := *c.table.Load()
	next.rules = append(next.rules, rule) // readers of the earlier table don't see it
	c.table.Store(&next)
	number := uint32(len(next.rules))
	c.ruleNumbers[rule.list] = number
	c.listed += len(rule.networks)
	return number
}

// rule returns the rule with a number. It reports false if the rule is newer than t.
func (t *table) rule(number uint32) (rule *addressRule, ok bool) {
	if number == 0 {
		return nil, true
	}
	if int(number) > len(t.rules) {
		return nil, false
	}
	return t.rules[number-1], true
}
