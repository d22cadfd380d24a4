package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) audit() *cobra.Command {
	return p.group(&cobra.Command{Use: "audit", Short: "Verify the audit log"}, p.auditVerify())
}

func (p *program) auditVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that nobody has changed the audit log",
		Long: `Verify the audit log: each event has a hash over itself and the event before it, in a chain for
each workspace and one for what belongs to none. Printed is the first event of each chain that
was changed, put in, taken out or moved, or else the head: the hash of the last event.

An intact chain proves that nobody has changed part of it by hand. Who may write every table can
work out a whole chain anew, or cut off its end with all notes of it. Keep heads where that
person cannot write, and give them to --expect: whatever was written up to a head that is still
there is as it was.

Exit code 1 means that a chain is broken, or an expected head is not there.`,
		Example: `  skipup audit verify
  skipup audit verify --workspace ws_01J… --expect 5f0c…`,
	}
	var (
		workspace string
		expected  []string
		asJSON    bool
	)
	flags := cmd.Flags()
	flags.StringVar(&workspace, "workspace", "", "verify only the workspace with this `ID`")
	flags.StringSliceVar(&expected, "expect", nil, "`HASHES` that were printed as heads before, with commas between")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object")
	addFlags(flags, databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		wrong, _ := err.(usageErrors)
		for i, hash := range expected {
			expected[i] = strings.ToLower(strings.TrimSpace(hash))
			if raw, err := hex.DecodeString(expected[i]); err != nil || len(raw) != 32 {
				wrong.add("--expect takes heads as they are printed, 64 hexadecimal digits each")
			}
		}
		if err := wrong.err(); err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.verifyAudit(ctx, store, workspace, expected, asJSON)
		})
	})
}

func (p *program) verifyAudit(ctx context.Context, store *models.Store, workspace string, expected []string, asJSON bool) error {
	if workspace != "" {
		if err := findWorkspace(ctx, store, workspace); err != nil {
			return err
		}
	}
	found, err := store.VerifyAudit(ctx, workspace, expected)
	if err != nil {
		return err
	}
	if asJSON {
		err = p.printJSON(verified(found))
	} else {
		err = p.printf("%s", verificationText(found))
	}
	if err == nil && !found.Intact() {
		err = failf("the audit log is not as it was written")
	}
	return err
}

func verificationText(found models.AuditVerification) string {
	var lines []string
	for _, chain := range found.Chains {
		name := cmp.Or(chain.WorkspaceID, "(no workspace)")
		switch {
		case chain.Broken != nil:
			lines = append(lines, fmt.Sprintf("%s  BROKEN after %d events: %s", name, chain.Events, breakText(*chain.Broken)))
		case chain.Events == 0:
			lines = append(lines, name+"  no events")
		default:
			lines = append(lines, fmt.Sprintf("%s  intact, %d events, head %s", name, chain.Events, chain.Head))
		}
		if chain.Unchained > 0 {
			lines = append(lines, fmt.Sprintf("%s  %d events of an earlier version are not chained yet", name, chain.Unchained))
		}
	}
	for _, hash := range found.Missing {
		lines = append(lines, "MISSING  no event has the expected hash "+hash)
	}
	return strings.Join(lines, "\n")
}

func breakText(broken models.AuditBreak) string {
	switch broken.Fault {
	case models.AuditChanged:
		return fmt.Sprintf("event %d (%s) does not fit: it or the one before it was changed or put in", broken.Seq, broken.EventID)
	case models.AuditMissing:
		return fmt.Sprintf("event %d is missing", broken.Seq)
	case models.AuditReordered:
		return fmt.Sprintf("event %d (%s) stands at place %d", broken.Seq, broken.EventID, broken.FoundAt)
	case models.AuditTruncated:
		return fmt.Sprintf("the end is missing, from event %d on", broken.Seq)
	case models.AuditTooLong:
		return fmt.Sprintf("event %d (%s) is beyond the noted end", broken.Seq, broken.EventID)
	}
	return "the noted head is not the hash of the last event"
}

// verification is what was found as JSON.
type verification struct {
	Intact          bool            `json:"intact"`
	Chains          []verifiedChain `json:"chains"`
	MissingExpected []string        `json:"missing_expected"`
}

type verifiedChain struct {
	WorkspaceID *string      `json:"workspace_id"`
	Events      int64        `json:"events"`
	Head        *string      `json:"head"`
	Unchained   int64        `json:"unchained"`
	Broken      *brokenChain `json:"broken"`
}

type brokenChain struct {
	Fault   models.AuditFault `json:"fault"`
	Seq     int64             `json:"seq"`
	EventID *string           `json:"event_id"`
	FoundAt *int64            `json:"found_at"`
}

func verified(found models.AuditVerification) verification {
	answer := verification{Intact: found.Intact(), Chains: []verifiedChain{}, MissingExpected: append([]string{}, found.Missing...)}
	for _, chain := range found.Chains {
		shown := verifiedChain{WorkspaceID: orNull(chain.WorkspaceID), Events: chain.Events, Head: orNull(chain.Head), Unchained: chain.Unchained}
		if broken := chain.Broken; broken != nil {
			shown.Broken = &brokenChain{Fault: broken.Fault, Seq: broken.Seq, EventID: orNull(broken.EventID), FoundAt: orNull(broken.FoundAt)}
		}
		answer.Chains = append(answer.Chains, shown)
	}
	return answer
}

// orNull is a pointer to value, nil to the zero value.
func orNull[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
