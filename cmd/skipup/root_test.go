package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string // substring
		stderr string // substring
	}{
		{"no arguments", nil, exitOK, "Exit codes:", ""},
		{"help", []string{"--help"}, exitOK, "Available Commands:", ""},
		{"help for a command", []string{"help", "serve"}, exitOK, "[SKIPUP_PUBLIC_URL]", ""},
		{"scopes in the help", []string{"keys", "create", "--help"}, exitOK, "seats.write             Assign seats", ""},
		{"group", []string{"keys"}, exitOK, "Available Commands:", ""},
		{"version", []string{"version"}, exitOK, "skipup ", ""},
		{"version as a flag", []string{"--version"}, exitOK, "skipup ", ""},
		{"completion", []string{"completion", "bash"}, exitOK, "bash completion", ""},
		{"unknown command", []string{"srve"}, exitUsage, "", `did you mean "skipup serve"?`},
		{"unknown subcommand", []string{"keys", "lst"}, exitUsage, "", `did you mean "skipup keys list"?`},
		{"unknown command without a suggestion", []string{"frobnicate"}, exitUsage, "", "unknown command\n"},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage, "", "--port"},
		{"flag without a value", []string{"serve", "--addr"}, exitUsage, "", "--addr"},
		{"unexpected argument", []string{"migrate", "now"}, exitUsage, "", "takes only flags"},
		{"missing flags", []string{"workspace", "create", "--name", "Acme"}, exitUsage, "", `"admin-name", "email" not set`},
		{"missing id", []string{"keys", "delete"}, exitUsage, "", "specify the ID of one key"},
		{"hint after a usage error", []string{"keys", "delete"}, exitUsage, "", `Run "skipup keys delete --help"`},
		{"invalid duration", []string{"keys", "create", "--expires-in", "soon"}, exitUsage, "", "--expires-in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := skipup(t, nil, tt.args...)
			got.requireCode(t, tt.code)
			if !strings.Contains(got.stdout, tt.stdout) {
				t.Errorf("stdout lacks %q:\n%s", tt.stdout, got.stdout)
			}
			if tt.stdout == "" && got.stdout != "" {
				t.Errorf("stdout = %q, want nothing", got.stdout)
			}
			if !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("stderr lacks %q:\n%s", tt.stderr, got.stderr)
			}
		})
	}
}

func TestHelpShowsWhereSettingsComeFrom(t *testing.T) {
	file := configFileWith(t, "SKIPUP_CACHE_MB=7\nREDIS_URL=redis://:hunter2@cache.internal")
	got := skipup(t, map[string]string{"DATABASE_URL": "postgres://ada:hunter2@db.example/skipup"}, "serve", "--config", file, "--help")
	got.requireCode(t, exitOK)
	requireNoSecrets(t, got.stdout)
	modelstest.Contains(t, "help", got.stdout, `[DATABASE_URL, set in the environment] (default "sqlite:skipup.db")`, "[SKIPUP_CACHE_MB, set in "+file+":1]",
		"[REDIS_URL, set in "+file+":2]", "[SKIPUP_ADDR] (default")
}

// TestCompletionFromDatabase also checks that completing neither creates nor migrates a database.
func TestCompletionFromDatabase(t *testing.T) {
	t.Parallel()
	complete := func(env map[string]string, args ...string) []string {
		t.Helper()
		got := skipup(t, env, append([]string{"__complete"}, args...)...)
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		return lines[:len(lines)-1] // the last is for the shell
	}
	file := filepath.Join(t.TempDir(), "skipup.db")
	env := map[string]string{"DATABASE_URL": "sqlite:" + file}
	modelstest.Equal(t, "completions without a database", len(complete(env, "keys", "delete", "")), 0)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("database after completing: %v, want none", err)
	}

	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	key := listJSON(t, env, workspace)[0]["id"].(string)
	scopes := "resources: [{name: orders, label: Orders, scopes: [{name: orders.read, label: Read, help: See orders}, {name: orders.old, label: Old, help: See old orders, retired: true}]}]"
	skipupWithInput(t, scopes, env, "scopes", "apply", "-").requireCode(t, exitOK)
	skipup(t, env, "nodes", "token", "create", "orders-api").requireCode(t, exitOK)
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"key", key + "\tCI sk_live_", []string{"keys", "update", ""}},
		{"workspace", workspace + "\tAcme", []string{"keys", "list", "--workspace", ""}},
		{"custom scope", "orders.read\tSee orders", []string{"keys", "create", "--scopes", "seats.read,orders"}},
		{"scope to retire", "orders.read\t", []string{"scopes", "retire", ""}},
		{"credential", "orders-api", []string{"nodes", "token", "revoke", ""}},
		{"member", "@", []string{"member", "set-role", ""}},
		{"owner", "@", []string{"keys", "update", key, "--owner", ""}},
		{"owner before the key", "@", []string{"keys", "update", "--owner", ""}},
		{"role", "key-manager", []string{"member", "set-role", "ada@acme.test", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			modelstest.Contains(t, "completions", strings.Join(complete(env, tt.args...), "\n"), tt.want)
		})
	}
	modelstest.Equal(t, "deleted workspaces", len(complete(env, "workspace", "restore", "")), 0)
	modelstest.Equal(t, "a second key", len(complete(env, "keys", "delete", key, "")), 0)
	if retired := strings.Join(complete(env, "keys", "create", "--scopes", ""), "\n"); strings.Contains(retired, "orders.old") {
		t.Errorf("completions include a retired scope:\n%s", retired)
	}
}

func TestCompletion(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		want, unwanted string
	}{
		{"commands", []string{""}, "workspace\t", ""},
		{"scopes", []string{"keys", "create", "--scopes", ""}, scope.SeatsRead.String() + "\tView seat usage", ""},
		{"scopes after a comma", []string{"keys", "create", "--scopes", "seats.read,"}, "seats.read,members.read\t", "seats.read,seats.read"},
		{"states", []string{"keys", "list", "--state", ""}, "expires_soon", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := skipup(t, nil, append([]string{"__complete"}, tt.args...)...)
			if !strings.Contains(got.stdout, tt.want) {
				t.Errorf("completions lack %q:\n%s", tt.want, got.stdout)
			}
			if tt.unwanted != "" && strings.Contains(got.stdout, tt.unwanted) {
				t.Errorf("completions include %q:\n%s", tt.unwanted, got.stdout)
			}
		})
	}
}
