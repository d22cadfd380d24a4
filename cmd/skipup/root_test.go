package main

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models/scope"
)

func TestUsage(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string // a part of it
		stderr string // a part of it
	}{
		{"nothing", nil, exitOK, "Exit codes:", ""},
		{"help", []string{"--help"}, exitOK, "Available Commands:", ""},
		{"help of a command", []string{"help", "serve"}, exitOK, "[SKIPUP_PUBLIC_URL]", ""},
		{"scopes in the help", []string{"keys", "create", "--help"}, exitOK, "seats.write             Assign seats", ""},
		{"group", []string{"keys"}, exitOK, "Available Commands:", ""},
		{"version", []string{"version"}, exitOK, "skipup ", ""},
		{"version as a flag", []string{"--version"}, exitOK, "skipup ", ""},
		{"completion", []string{"completion", "bash"}, exitOK, "bash completion", ""},
		{"unknown command", []string{"srve"}, exitUsage, "", `did you mean "skipup serve"?`},
		{"unknown command of a group", []string{"keys", "lst"}, exitUsage, "", `did you mean "skipup keys list"?`},
		{"nothing like it", []string{"frobnicate"}, exitUsage, "", "there is no such command\n"},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage, "", "--port"},
		{"flag without value", []string{"serve", "--addr"}, exitUsage, "", "--addr"},
		{"word too many", []string{"migrate", "now"}, exitUsage, "", "takes flags only"},
		{"missing flags", []string{"workspace", "create", "--name", "Acme"}, exitUsage, "", `"admin-name", "email" not set`},
		{"missing id", []string{"keys", "delete"}, exitUsage, "", "give the id of one key"},
		{"help for a failed command", []string{"keys", "list"}, exitUsage, "", `Run "skipup keys list --help"`},
		{"not a duration", []string{"keys", "create", "--expires-in", "soon"}, exitUsage, "", "--expires-in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := skipup(t, nil, tt.args...)
			got.requireCode(t, tt.code)
			if !strings.Contains(got.stdout, tt.stdout) || (tt.stdout == "") != (got.stdout == "") {
				t.Errorf("stdout: %s", got.stdout)
			}
			if !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("stderr: %s", got.stderr)
			}
		})
	}
}

// The default of --database is shown, the present value is not.
func TestHelpDoesNotShowTheEnvironment(t *testing.T) {
	got := skipup(t, map[string]string{"DATABASE_URL": "postgres://ada:hunter2@db.example/skipup"}, "serve", "--help")
	got.requireCode(t, exitOK)
	requireNoSecrets(t, got.stdout)
	if !strings.Contains(got.stdout, "sqlite:skipup.db") {
		t.Errorf("help lacks the default:\n%s", got.stdout)
	}
}

func TestCompletion(t *testing.T) {
	tests := []struct {
		name          string
		args          []string
		with, without string
	}{
		{"commands", []string{""}, "workspace\t", ""},
		{"scopes", []string{"keys", "create", "--scopes", ""}, scope.SeatsRead.String() + "\tView seat usage", ""},
		{"scopes after a comma", []string{"keys", "create", "--scopes", "seats.read,"}, "seats.read,members.read\t", "seats.read,seats.read"},
		{"states", []string{"keys", "list", "--state", ""}, "expires_soon", ""},
		{"key environments", []string{"serve", "--key-environment", ""}, "test", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := skipup(t, nil, append([]string{"__complete"}, tt.args...)...)
			if !strings.Contains(got.stdout, tt.with) || tt.without != "" && strings.Contains(got.stdout, tt.without) {
				t.Errorf("completions: %s", got.stdout)
			}
		})
	}
}
