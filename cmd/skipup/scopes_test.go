package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skipup/keys/models/modelstest"
)

// TestScopes follows docs/custom-scopes.md.
func TestScopes(t *testing.T) {
	docs, err := os.ReadFile("../../docs/custom-scopes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(docs), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	file := filepath.Join(t.TempDir(), "scopes.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		created := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
		created.requireCode(t, exitOK)
		plan := skipup(t, env, "scopes", "apply", file, "--dry-run")
		plan.requireCode(t, exitOK)
		modelstest.Contains(t, "plan", plan.stdout, "+ added       orders.refund", "~ changed     hide_builtin", "Dry run: nothing was changed.")
		skipup(t, env, "keys", "create", "--name", "Shop", "--scopes", "orders.read").requireFailure(t, exitUsage, `unknown scope "orders.read"`)

		applied := skipup(t, env, "scopes", "apply", file)
		applied.requireCode(t, exitOK)
		modelstest.Equal(t, "output", applied.stdout, strings.Replace(plan.stdout, "Dry run: nothing was changed.", "In effect on all nodes.", 1))
		again := skipupWithInput(t, example, env, "scopes", "apply", "-")
		again.requireCode(t, exitOK)
		modelstest.Equal(t, "output when nothing changes", again.stdout, "Nothing to change.\n")
		for _, asJSON := range []string{"--json=false", "--json"} {
			exported := skipup(t, env, "scopes", "export", asJSON)
			exported.requireCode(t, exitOK)
			again := skipupWithInput(t, exported.stdout, env, "scopes", "apply", "-")
			again.requireCode(t, exitOK)
			modelstest.Equal(t, "output when the export is applied", again.stdout, "Nothing to change.\n")
		}

		skipup(t, env, "keys", "create", "--name", "Shop", "--scopes", "orders.read,orders.refund").requireCode(t, exitOK)
		skipup(t, env, "scopes", "retire", "orders.refund").requireCode(t, exitOK)
		skipup(t, env, "scopes", "retire", "orders.refnd").requireFailure(t, exitRejected, `Did you mean "orders.refund"?`)
		skipup(t, env, "keys", "create", "--name", "Late", "--scopes", "orders.refund").requireFailure(t, exitUsage, "--scopes can't include orders.refund")
		removal := skipupWithInput(t, "resources: []", env, "scopes", "apply", "-")
		removal.requireFailure(t, exitUsage, "2 mistakes:", `can't remove "orders.read", because 1 API key holds it`)
		var listed []listedScope
		list := skipup(t, env, "scopes", "list", "--json")
		list.requireCode(t, exitOK)
		if err := json.Unmarshal([]byte(list.stdout), &listed); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "number of scopes", len(listed), 14)
		refund := listed[12]
		modelstest.Equal(t, "retired scope", refund, listedScope{
			Name: "orders.refund", Resource: "orders", Label: "Refund", Help: "Refund orders", Warning: "This scope can move money.", Status: "retired", Keys: 1,
		})
		keys := skipup(t, env, "keys", "list", "--json")
		modelstest.Contains(t, "keys", keys.stdout, `"orders.refund"`)
		skipupWithInput(t, "resource: []", env, "scopes", "apply", "-").requireFailure(t, exitUsage, `line 1: unknown field "resource"; did you mean "resources"?`)
	})
}
