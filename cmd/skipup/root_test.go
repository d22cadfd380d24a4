package main

import (
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
