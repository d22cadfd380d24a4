package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
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
		Short: "Verify the integrity of the audit log",
		Long: `Verify the integrity of the audit log. Each event has a hash of itself and the previous event. The
events form one chain per workspace, and one chain for events outside any workspace. For each
chain, this command prints the first event that was changed, inserted, removed, or moved. That
includes events inserted outside the chain. If there is none, it prints the head, which is the hash
of the last event.

An intact chain shows that no one edited individual events. Someone with write access to every
table could still rebuild a whole chain or cut off its end. To detect that, store heads where that
person can't write, and pass them to --expect later: if an expected head is still in the chain,
all events up to it are unchanged.

Exits with 1 if a chain is broken or an expected head is missing.`,
		Example: `  skipup audit verify
  skipup audit verify --workspace ws_01J… --expect 5f0c…`,
	}
	var workspace string
	var expected []string
	flags := cmd.Flags()
	flags.StringVar(&workspace, "workspace", "", "`ID` of a workspace; verify only its chain")
	completeWith(cmd, "workspace", p.completions(workspaceIDs(false)))
	flags.StringSliceVar(&expected, "expect", nil, "comma-separated `heads` that were printed earlier")
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON object")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		for i, hash := range expected {
			expected[i] = strings.ToLower(strings.TrimSpace(hash))
			if raw, err := hex.DecodeString(expected[i]); err != nil || len(raw) != 32 {
				return errors.New("--expect: use heads as printed, 64 hexadecimal digits each")
			}
		}
		return nil
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, _ []string) error {
		return p.verifyAudit(ctx, store, workspace, expected)
	})
}

func (p *program) verifyAudit(ctx context.Context, store *models.Store, workspace string, expected []string) error {
	if workspace != "" {
		if err := findWorkspace(ctx, store, workspace); err != nil {
			return err
		}
	}
	show, end := p.progress(countItems)
	found, err := store.VerifyAudit(ctx, workspace, expected, show)
	end()
	if err != nil {
		return err
	}
	err = p.print(newVerification(found), "%s", verificationText(found))
	if err == nil && !found.Intact() {
		err = failf("audit log verification failed")
	}
	return err
}

func verificationText(found models.AuditVerification) string {
	var lines []string
	for _, chain := range found.Chains {
		name := cmp.Or(chain.WorkspaceID, "(no workspace)")
		switch {
		case chain.Broken != nil:
			lines = append(lines, fmt.Sprintf("%s  BROKEN after %s: %s", name, eventCount(chain.Events), breakText(*chain.Broken)))
		case chain.Events == 0:
			lines = append(lines, name+"  no events")
		default:
			lines = append(lines, fmt.Sprintf("%s  intact, %s, head %s", name, eventCount(chain.Events), chain.Head))
		}
	}
	for _, hash := range found.Missing {
		lines = append(lines, "MISSING  no event has the expected hash "+hash)
	}
	return strings.Join(lines, "\n")
}

func eventCount(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

func breakText(broken models.AuditBreak) string {
	switch broken.Fault {
	case models.AuditChanged:
		return fmt.Sprintf("event %d (%s) doesn't match its hash: this event or the previous one was changed or inserted", broken.Seq, broken.EventID)
	case models.AuditMissing:
		return fmt.Sprintf("event %d is missing", broken.Seq)
	case models.AuditReordered:
		return fmt.Sprintf("event %d (%s) was moved to position %d", broken.Seq, broken.EventID, broken.FoundAt)
	case models.AuditTruncated:
		return fmt.Sprintf("the events from %d to the end are missing", broken.Seq)
	case models.AuditErased:
		return fmt.Sprintf("texts of event %d were erased, and no later event records that", broken.Seq)
	case models.AuditUnchained:
		return fmt.Sprintf("event %s isn't part of the chain (position %d): it was inserted", broken.EventID, broken.Seq)
	case models.AuditTooLong:
		return fmt.Sprintf("event %d (%s) is after the recorded end", broken.Seq, broken.EventID)
	}
	return "the recorded head isn't the hash of the last event"
}

// verification is the JSON form of models.AuditVerification.
type verification struct {
	Intact          bool            `json:"intact"`
	Chains          []verifiedChain `json:"chains"`
	MissingExpected []string        `json:"missing_expected"`
}

type verifiedChain struct {
	WorkspaceID *string      `json:"workspace_id"`
	Events      int64        `json:"events"`
	Head        *string      `json:"head"`
	Broken      *brokenChain `json:"broken"`
}

type brokenChain struct {
	Fault   models.AuditFault `json:"fault"`
	Seq     int64             `json:"seq"`
	EventID *string           `json:"event_id"`
	FoundAt *int64            `json:"found_at"`
}

func newVerification(found models.AuditVerification) verification {
	v := verification{Intact: found.Intact(), Chains: []verifiedChain{}, MissingExpected: append([]string{}, found.Missing...)}
	for _, chain := range found.Chains {
		shown := verifiedChain{WorkspaceID: orNull(chain.WorkspaceID), Events: chain.Events, Head: orNull(chain.Head)}
		if broken := chain.Broken; broken != nil {
			shown.Broken = &brokenChain{Fault: broken.Fault, Seq: broken.Seq, EventID: orNull(broken.EventID), FoundAt: orNull(broken.FoundAt)}
		}
		v.Chains = append(v.Chains, shown)
	}
	return v
}

// orNull returns a pointer to value, or nil for the zero value.
func orNull[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
