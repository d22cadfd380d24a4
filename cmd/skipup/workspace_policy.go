package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
)

// policyFlags are the flags of workspace policy.
type policyFlags struct {
	expiryRequired bool
	secondFactor   bool
	singleSignOn   bool
	days           map[string]*int // by flag
	allowlist      *allowlistFlags
}

// policyFields maps the fields of a policy to their flags.
var policyFields = map[string]string{
	"max_days": "--max-days", "default_days": "--default-days",
	"review_unused_days": "--review-unused-days", "review_idle_days": "--review-idle-days", "review_old_days": "--review-old-days",
	"allowlist.mode": "--allowlist-mode", "allowlist.addresses": "--allowlist",
}

func (p *program) workspacePolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print or change a workspace's policy",
		Long: `Print a workspace's policy: how long keys may last, the default lifetime, when the review reports a key,
the default IP allowlist, and whether members need a second factor or single sign-on. With flags, change it first. Omitted
flags don't change.

The policy applies to keys that anyone creates, changes, or rotates, in any way. It changes no lifetime
of an existing key: "skipup keys shorten" shortens those that it doesn't allow.

The allowlist limits the IP addresses from which keys can be used that have none of their own. Its mode
is none, report_only (requests from other addresses are accepted and counted), or enforce (they are
rejected). A change returns once it is in effect on every node. If the allowlist rejects callers of the
last 30 days, or would, they are printed.`,
		Example: `  skipup workspace policy
  skipup workspace policy --max-days 90 --default-days 30
  skipup workspace policy --allowlist 10.0.0.0/8,2001:db8::/32 --allowlist-mode report_only`,
	}
	f := policyFlags{days: map[string]*int{}}
	flags := cmd.Flags()
	flags.BoolVar(&f.expiryRequired, "expiry-required", false, "don't allow keys that never expire")
	flags.BoolVar(&f.singleSignOn, "single-sign-on-required", false, "turn passwords off: let only members who signed in with single sign-on use the workspace")
	flags.BoolVar(&f.secondFactor, "second-factor-required", false, "don't let members without a second factor use the workspace")
	for _, flag := range []struct{ name, usage string }{
		{"max-days", "longest lifetime in `days` (0 for no limit)"},
		{"default-days", "lifetime in `days` of keys created without an expiry (0 for none)"},
		{"review-unused-days", "`days` after which the review reports a key that was never used"},
		{"review-idle-days", "`days` without a request after which the review reports a key"},
		{"review-old-days", "`days` after which a key is due for rotation"},
	} {
		f.days[flag.name] = flags.Int(flag.name, 0, flag.usage)
	}
	f.allowlist = addAllowlistFlags(cmd, models.AllowlistModes[1:])
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON object")
	return p.workspaceCommand(cmd, func(ctx context.Context, store *models.Store, workspace string, _ []string) error {
		return p.policy(ctx, store, workspace, f, flags.Changed)
	})
}

func (p *program) policy(ctx context.Context, store *models.Store, workspace string, f policyFlags, given func(flag string) bool) error {
	policy, err := store.KeyPolicy(ctx, workspace)
	if err != nil {
		return err
	}
	f.allowlist.change.Apply(&policy.Allowlist)
	if f.changes(&policy, given) || f.allowlist.change.Given() {
		if policy, err = store.SetKeyPolicy(ctx, workspace, policy); err != nil {
			return flagErrors(err, policyFields)
		}
	}
	if f.allowlist.change.Given() {
		seen, err := store.InheritingAddressesSeen(ctx, workspace, models.AddressesSince(store.Now()))
		if err != nil {
			return err
		}
		p.warnOfAllowlist(policy.Allowlist, seen)
	}
	return p.printPolicy(policy)
}

// changes applies the given flags to a policy, and reports whether there are any.
func (f policyFlags) changes(policy *models.KeyPolicy, given func(flag string) bool) (any bool) {
	for flag, target := range map[string]*int{
		"max-days": &policy.MaxDays, "default-days": &policy.DefaultDays,
		"review-unused-days": &policy.ReviewUnusedDays, "review-idle-days": &policy.ReviewIdleDays, "review-old-days": &policy.ReviewOldDays,
	} {
		if given(flag) {
			*target, any = *f.days[flag], true
		}
	}
	if given("expiry-required") {
		policy.ExpiryRequired, any = f.expiryRequired, true
	}
	if given("second-factor-required") {
		policy.SecondFactorRequired, any = f.secondFactor, true
	}
	if given("single-sign-on-required") {
		policy.SingleSignOnRequired, any = f.singleSignOn, true
	}
	return any
}

// printedPolicy is a policy as printed.
type printedPolicy struct {
	ExpiryRequired   bool `json:"expiry_required"`
	MaxDays          int  `json:"max_days"`
	DefaultDays      int  `json:"default_days"`
	ReviewUnusedDays int  `json:"review_unused_days"`
	ReviewIdleDays   int  `json:"review_idle_days"`
	ReviewOldDays    int  `json:"review_old_days"`

	SecondFactorRequired bool           `json:"second_factor_required"`
	SingleSignOnRequired bool           `json:"single_sign_on_required"`
	Allowlist            wire.Allowlist `json:"allowlist"`
}

func (p *program) printPolicy(policy models.KeyPolicy) error {
	if p.asJSON {
		return p.printJSON(printedPolicy{
			policy.ExpiryRequired, policy.MaxDays, policy.DefaultDays, policy.ReviewUnusedDays, policy.ReviewIdleDays, policy.ReviewOldDays,
			policy.SecondFactorRequired, policy.SingleSignOnRequired,
			printedAllowlist(policy.Allowlist),
		})
	}
	return p.printRows([][]string{
		{"POLICY", "VALUE"},
		{"expiry required", strconv.FormatBool(policy.ExpiryRequired)},
		{"longest lifetime", daysOr(policy.MaxDays, "no limit")},
		{"default lifetime", daysOr(policy.DefaultDays, "none")},
		{"review: never used after", daysOr(policy.ReviewUnusedDays, "")},
		{"review: inactive after", daysOr(policy.ReviewIdleDays, "")},
		{"review: due for rotation after", daysOr(policy.ReviewOldDays, "")},
		{"second factor required", strconv.FormatBool(policy.SecondFactorRequired)},
		{"single sign-on required", strconv.FormatBool(policy.SingleSignOnRequired)},
		{"default IP allowlist", policy.Allowlist.String()},
	})
}

func daysOr(days int, none string) string {
	switch days {
	case 0:
		return none
	case 1:
		return "1 day"
	}
	return strconv.Itoa(days) + " days"
}
