package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (p *program) scopes() *cobra.Command {
	cmd := &cobra.Command{Use: "scopes", Short: "Define, list, export, and retire custom scopes", Long: `Define the scopes of your own APIs. Keys can hold them like the built-in scopes, and they appear on the
same pages. docs/custom-scopes.md describes the file.`}
	return p.group(cmd, p.scopesApply(), p.scopesList(), p.scopesExport(), p.scopesRetire())
}

func (p *program) scopesApply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Replace the custom scopes by those in a YAML file",
		Long: `Replace the custom scopes by those in a YAML file ("-" for standard input), and print what changes.
Returns when the change is in effect on all nodes. Applying the same file again changes nothing.

A scope that an API key holds can't be removed. Retire it instead: keys that hold it keep it, and no
other key can get it. If anything is wrong with the file, all mistakes are printed and nothing
changes.`,
		Example: `  skipup scopes apply scopes.yaml --dry-run
  skipup scopes apply scopes.yaml`,
		Args: exactly(1, "enter the file to apply, or - for standard input"),
	}
	var dryRun bool
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would change, and change nothing")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON object")
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, args []string) error {
		data, err := p.readFile(args[0])
		if err != nil {
			return err
		}
		file, err := models.ParseScopeFile(data)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			if dryRun {
				changes, err := store.PlanScopes(ctx, file)
				if err != nil {
					return err
				}
				return p.printScopeChanges(models.ScopesApplied{Changes: changes}, true)
			}
			applied, err := store.ApplyScopes(ctx, file)
			if err != nil {
				return err
			}
			return p.printScopeChanges(applied, false)
		})
	}, databaseOption)
}

// readFile returns the contents of a file, or of standard input for "-".
func (p *program) readFile(name string) ([]byte, error) {
	if name == "-" {
		data, err := io.ReadAll(p.stdin)
		if err != nil {
			return nil, failf("can't read standard input: %w", err)
		}
		return data, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, failf("can't read the file: %w", err)
	}
	return data, nil
}

// scopeChangesJSON is the output of scopes apply --json and scopes retire --json.
type scopeChangesJSON struct {
	DryRun      bool                 `json:"dry_run"`
	Changes     []models.ScopeChange `json:"changes"`
	SilentNodes []string             `json:"silent_nodes"` // that didn't confirm the change before their leases ended
}

var changeMarks = map[models.ScopeChangeKind]string{
	models.ScopeAdded: "+", models.ScopeChanged: "~", models.ScopeRetired: "~", models.ScopeReactivated: "~", models.ScopeRemoved: "-",
}

func (p *program) printScopeChanges(applied models.ScopesApplied, dryRun bool) error {
	if p.asJSON {
		return p.printJSON(scopeChangesJSON{dryRun, append([]models.ScopeChange{}, applied.Changes...), append([]string{}, applied.Effect.SilentNodes...)})
	}
	for _, change := range applied.Changes {
		if err := p.printf("%s %-11s %s", changeMarks[change.Kind], change.Kind, change.Name); err != nil {
			return err
		}
		for _, detail := range change.Details {
			if err := p.printf("              %s", detail); err != nil {
				return err
			}
		}
	}
	switch n := len(applied.Changes); {
	case n == 0:
		return p.printf("Nothing to change.")
	case dryRun:
		return p.printf("Dry run: nothing was changed.")
	case len(applied.Effect.SilentNodes) > 0:
		return p.printf("In effect on all nodes. These did not answer, so the change waited for their leases to end: %s.", strings.Join(applied.Effect.SilentNodes, ", "))
	}
	return p.printf("In effect on all nodes.")
}

// listedScope is a scope as printed.
type listedScope struct {
	Name     string       `json:"name"`
	Resource string       `json:"resource"`
	Label    string       `json:"label"`
	Help     string       `json:"help"`
	Warning  string       `json:"warning"`
	Status   scope.Status `json:"status"`
	Builtin  bool         `json:"builtin"`
	Keys     int64        `json:"keys"` // that hold it and aren't deleted
}

func (p *program) scopesList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the scopes",
		Long: `List the built-in and the custom scopes. KEYS is the number of API keys that hold the scope and aren't
deleted.`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.storeCommand(cmd, p.listScopes)
}

func (p *program) listScopes(ctx context.Context, store *models.Store, _ []string) error {
	keys, err := store.KeysByScope(ctx)
	if err != nil {
		return err
	}
	catalog := store.Scopes()
	listed, rows := []listedScope{}, [][]string{{"NAME", "STATUS", "KEYS", "DESCRIPTION"}}
	for _, resource := range catalog.Resources(catalog.Known()) {
		for _, d := range resource.Scopes {
			status := string(d.Status)
			if resource.Builtin() {
				status = "built-in"
			}
			listed = append(listed, listedScope{d.Name, resource.Name, d.Label, d.Help, d.Warning, d.Status, resource.Builtin(), keys[d.Scope]})
			rows = append(rows, []string{d.Name, status, strconv.FormatInt(keys[d.Scope], 10), d.Help})
		}
	}
	return p.printList(listed, rows)
}

func (p *program) scopesExport() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Print the custom scopes as a file for scopes apply"}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print JSON, which scopes apply accepts, too")
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, _ []string) error {
		if p.asJSON {
			return p.printJSON(store.ScopeFile())
		}
		var text strings.Builder
		encoder := yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := encoder.Encode(store.ScopeFile()); err != nil {
			return fmt.Errorf("encode scopes: %w", err)
		}
		return p.printf("%s", strings.TrimSuffix(text.String(), "\n"))
	})
}

func (p *program) scopesRetire() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retire NAME",
		Short: "Retire a custom scope",
		Long: `Retire a custom scope: keys that hold it keep it, and no other key can get it. The review of API keys
lists the keys that hold it. Returns when the change is in effect on all nodes. To use the scope again,
apply a file in which it isn't retired.`,
		Example: `  skipup scopes retire orders.export`,
		Args:    exactly(1, "enter the name of the scope to retire"),
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON object")
	completeArguments(cmd, p.completions(customScopes))
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		applied, err := store.RetireScope(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printScopeChanges(applied, false)
	})
}
