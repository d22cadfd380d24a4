package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
)

// allowlistFlags are the flags that change an allowlist.
type allowlistFlags struct {
	mode      string
	addresses []string
	change    models.AllowlistChange // what the flags change, once the command runs
}

// addAllowlistFlags adds the flags to cmd. The modes are those that can be chosen.
func addAllowlistFlags(cmd *cobra.Command, modes []string) *allowlistFlags {
	f := &allowlistFlags{}
	cmd.Flags().StringVar(&f.mode, "allowlist-mode", "", "`mode` of the IP allowlist: "+strings.Join(modes, ", "))
	cmd.Flags().StringSliceVar(&f.addresses, "allowlist", nil, "comma-separated `list` of IP addresses and networks, such as 10.0.0.0/8")
	completeValues(cmd, "allowlist-mode", modes)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.parse(cmd.Flags().Changed) }
	return f
}

// parse sets what the given flags change.
func (f *allowlistFlags) parse(given func(flag string) bool) error {
	var wrong usageErrors
	if given("allowlist-mode") {
		mode, err := models.ParseAllowlistMode(f.mode)
		if fields, invalid := models.FieldsOf(err); invalid {
			wrong.add("--allowlist-mode %s", fields["allowlist.mode"])
		}
		f.change.Mode = models.To(mode)
	}
	if given("allowlist") {
		networks, bad := models.ParseNetworks(f.addresses)
		for _, one := range bad {
			wrong.add("--allowlist: %q %s", one.Text, one.Problem)
		}
		f.change.Networks = models.To(networks)
	}
	return wrong.err()
}

// warnOfAllowlist prints which callers of the last 30 days an allowlist rejects, or would reject if it were enforced,
// and which of its networks allow everyone.
func (p *program) warnOfAllowlist(list models.Allowlist, seen []models.SeenAddress) {
	for _, network := range list.Everyone() {
		p.printErrf("Warning: %s allows every address of its IP version.", network)
	}
	outside := list.Outside(seen)
	if len(outside) == 0 {
		return
	}
	verb := "rejects"
	if list.Mode == models.AllowlistReportOnly {
		verb = "would reject"
	}
	p.printErrf("Warning: the allowlist %s callers of the last 30 days:", verb)
	for _, one := range outside {
		p.printErrf("  %s, last seen %s", one.Address, one.LastAt.Format(time.RFC3339))
	}
}

// warnOfKey warns of the allowlist that applies to a key.
func (p *program) warnOfKey(ctx context.Context, store *models.Store, key *models.APIKey) error {
	policy, err := store.KeyPolicy(ctx, key.WorkspaceID)
	if err != nil {
		return err
	}
	seen, err := store.AddressesSeen(ctx, key.WorkspaceID, key.ID, models.AddressesSince(store.Now()))
	if err == nil {
		p.warnOfAllowlist(key.Allowlist.Or(policy.Allowlist), seen)
	}
	return err
}

func printedAllowlist(list models.Allowlist) wire.Allowlist {
	return wire.Allowlist{Mode: list.Mode.Text(), Addresses: list.Addresses()}
}
