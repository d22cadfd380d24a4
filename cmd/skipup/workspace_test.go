package main

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var (
	workspaceID       = regexp.MustCompile(`^ws_[0-9A-Z]{26}\n$`)
	generatedPassword = regexp.MustCompile(`The password of admin@acme.test, which is not shown again: ([A-Z2-7]{26})\n$`)
)

func createWorkspace(t *testing.T, stdin string, env map[string]string, more ...string) outcome {
	t.Helper()
	args := append([]string{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin"}, more...)
	return skipupWithInput(t, stdin, env, args...)
}

// signIn fails the test unless the password opens the account.
func signIn(t *testing.T, env map[string]string, password string) {
	t.Helper()
	store := openTestStore(t, env)
	if _, err := store.SignIn(context.Background(), "", models.Credentials{Email: "admin@acme.test", Password: password}); err != nil {
		t.Errorf("sign in with the password: %v", err)
	}
}

func openTestStore(t *testing.T, env map[string]string) *models.Store {
	t.Helper()
	store, err := models.Open(env["DATABASE_URL"], models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestCreateWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		made := createWorkspace(t, modelstest.Password+"\n", env)
		made.requireCode(t, exitOK)
		if !workspaceID.MatchString(made.stdout) {
			t.Errorf("stdout: %q", made.stdout)
		}
		signIn(t, env, modelstest.Password)

		id := strings.TrimSpace(made.stdout)
		events, err := openTestStore(t, env).AuditEventsOf(context.Background(), id, id, 10)
		if err != nil || len(events) != 1 || events[0].ActorType != models.ActorOperator || events[0].ActorName != "Operator (command line)" {
			t.Errorf("audit events: %+v, %v", events, err)
		}
	})
}

// The password is the first line, byte for byte.
func TestPasswordFromStandardInput(t *testing.T) {
	tests := []struct{ name, stdin, password string }{
		{"a line", "correct horse battery\n", "correct horse battery"},
		{"without an end", "correct horse battery", "correct horse battery"},
		{"with the end that Windows writes", "correct horse battery\r\n", "correct horse battery"},
		{"the first of two lines", "correct horse battery\nstaple staple staple\n", "correct horse battery"},
		{"spaces are a part of it", "  correct horse battery \n", "  correct horse battery "},
		{"the longest", strings.Repeat("🐎🔋", models.MaxPassword/4) + strings.Repeat("staple", 21) + "!?\n", strings.Repeat("🐎🔋", models.MaxPassword/4) + strings.Repeat("staple", 21) + "!?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			createWorkspace(t, tt.stdin, env).requireCode(t, exitOK)
			signIn(t, env, tt.password)
		})
	}
}

func TestGeneratedPassword(t *testing.T) {
	tests := []struct {
		name, stdin string
		args        []string
	}{
		{"asked for", "this is not read at all\n", []string{"--generate-password"}},
		{"nothing on standard input", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			made := createWorkspace(t, tt.stdin, env, tt.args...)
			password := generatedPassword.FindStringSubmatch(made.stderr)
			if made.code != exitOK || !workspaceID.MatchString(made.stdout) || password == nil {
				t.Fatalf("%+v", made)
			}
			signIn(t, env, password[1])
		})
	}
}

func TestRefusedWorkspace(t *testing.T) {
	tests := []struct {
		name, stdin string
		args        []string
		said        []string
	}{
		{"short password", "short\n", nil, []string{"the password must have at least 15 characters"}},
		{"long password", strings.Repeat("long ", 5000) + "\n", nil, []string{"the password must have at most 256 characters"}},
		{"empty line", "\nhunter2 is on the second line\n", nil, []string{"the first line of standard input is empty"}},
		{"everything", "short\n", []string{"--name", "", "--email", "ada", "--admin-name", "\n"},
			[]string{"4 things are wrong", "--name must not be empty", "--email must be an email address", "--admin-name must be one line", "the password must have"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			createWorkspace(t, tt.stdin, env, tt.args...).requireFailure(t, exitUsage, tt.said...)
			if needed, err := openTestStore(t, env).NeedsSetUp(context.Background()); err != nil || !needed {
				t.Errorf("something was made: %v", err)
			}
		})
	}
}

// A person with an account needs no password, is not asked for one, and keeps what they have.
func TestCreateWorkspaceForAPersonWithAnAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		first := newWorkspace(t, env)
		second := createWorkspace(t, "another long passphrase\n", env, "--email", "ADMIN@acme.test", "--admin-name", "Somebody Else")
		if second.code != exitOK || !workspaceID.MatchString(second.stdout) || strings.TrimSpace(second.stdout) == first {
			t.Fatalf("%+v", second)
		}
		if second.stderr != "admin@acme.test has an account already: Ada Admin is the admin now, with the present password.\n" {
			t.Errorf("stderr: %q", second.stderr)
		}
		signIn(t, env, modelstest.Password)
	})
}

// TestCreateWorkspaceForAPersonWhoWasOnlyInvited makes an account, with a password that opens it.
func TestCreateWorkspaceForAPersonWhoWasOnlyInvited(t *testing.T) {
	env := sqliteEnv(t)
	first := strings.TrimSpace(createWorkspace(t, modelstest.Password+"\n", env).stdout)
	if _, err := openTestStore(t, env).AddMember(context.Background(), first, models.NewMember{Email: "grace@acme.test"}); err != nil {
		t.Fatal(err)
	}
	made := createWorkspace(t, "", env, "--name", "Second", "--email", "grace@acme.test", "--admin-name", "Grace Hopper")
	password := regexp.MustCompile(`The password of grace@acme.test, which is not shown again: (\S+)\n$`).FindStringSubmatch(made.stderr)
	if made.code != exitOK || password == nil {
		t.Fatalf("%+v", made)
	}
	credentials := models.Credentials{Email: "grace@acme.test", Password: password[1]}
	if _, err := openTestStore(t, env).SignIn(context.Background(), "", credentials); err != nil {
		t.Errorf("sign in with the password: %v", err)
	}
}
