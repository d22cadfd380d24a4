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
	generatedPassword = regexp.MustCompile(`Password for admin@acme.test \(shown once\): ([A-Z2-7]{26})\n$`)
)

func createWorkspace(t *testing.T, stdin string, env map[string]string, more ...string) outcome {
	t.Helper()
	args := append([]string{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin"}, more...)
	return skipupWithInput(t, stdin, env, args...)
}

// signIn checks that the admin can sign in with password.
func signIn(t *testing.T, env map[string]string, password string) {
	t.Helper()
	store := openTestStore(t, env)
	if _, err := store.SignIn(context.Background(), "", models.Credentials{Email: "admin@acme.test", Password: password}); err != nil {
		t.Errorf("sign in: %v", err)
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
		created := createWorkspace(t, modelstest.Password+"\n", env)
		created.requireCode(t, exitOK)
		if !workspaceID.MatchString(created.stdout) {
			t.Errorf("stdout = %q, want the workspace ID", created.stdout)
		}
		signIn(t, env, modelstest.Password)

		id := strings.TrimSpace(created.stdout)
		events, err := openTestStore(t, env).AuditEventsOf(context.Background(), id, id, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 {
			t.Fatalf("%d audit events, want 1: %+v", len(events), events)
		}
		if got := events[0].ActorType; got != models.ActorOperator {
			t.Errorf("actor type = %s, want %s", got, models.ActorOperator)
		}
		if got := events[0].ActorName; got != "Operator (command line)" {
			t.Errorf("actor name = %q, want Operator (command line)", got)
		}
	})
}

func TestPasswordFromStandardInput(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, stdin, password string }{
		{"one line", "correct horse battery\n", "correct horse battery"},
		{"without a newline", "correct horse battery", "correct horse battery"},
		{"Windows line ending", "correct horse battery\r\n", "correct horse battery"},
		{"first of two lines", "correct horse battery\nstaple staple staple\n", "correct horse battery"},
		{"surrounding spaces", "  correct horse battery \n", "  correct horse battery "},
		{"longest", strings.Repeat("🐎🔋", models.MaxPassword/4) + strings.Repeat("staple", 21) + "!?\n", strings.Repeat("🐎🔋", models.MaxPassword/4) + strings.Repeat("staple", 21) + "!?"},
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
	t.Parallel()
	tests := []struct {
		name, stdin string
		args        []string
	}{
		{"flag", "ignored\n", []string{"--generate-password"}},
		{"empty standard input", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			created := createWorkspace(t, tt.stdin, env, tt.args...)
			password := generatedPassword.FindStringSubmatch(created.stderr)
			modelstest.Equal(t, "exit code", created.code, exitOK)
			if !workspaceID.MatchString(created.stdout) {
				t.Errorf("stdout = %q, want the workspace's ID", created.stdout)
			}
			if password == nil {
				t.Fatalf("stderr = %q, want a password", created.stderr)
			}
			signIn(t, env, password[1])
		})
	}
}

func TestWorkspaceIsRejected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stdin string
		args        []string
		want        []string
	}{
		{"short password", "short\n", nil, []string{"the password must have at least 15 characters"}},
		{"long password", strings.Repeat("long ", 5000) + "\n", nil, []string{"the password must be 256 characters or fewer"}},
		{"empty line", "\nhunter2 is on the second line\n", nil, []string{"the first line of standard input must be the password"}},
		{"everything invalid", "short\n", []string{"--name", "", "--email", "ada", "--admin-name", "\n"},
			[]string{"4 problems:", "--name is required", "--email must be a valid email", "--admin-name must be a single line", "the password must have"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			createWorkspace(t, tt.stdin, env, tt.args...).requireFailure(t, exitUsage, tt.want...)
			if needed, err := openTestStore(t, env).NeedsSetup(context.Background()); err != nil || !needed {
				t.Errorf("needs setup = %t, %v, want true", needed, err)
			}
		})
	}
}

// The existing account keeps its name and password, so none may be provided.
func TestCreateWorkspaceForAnExistingAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		first := newWorkspace(t, env)
		createWorkspace(t, "another long passphrase\n", env).requireFailure(t, exitUsage, "the password would be ignored")
		createWorkspace(t, "", env, "--generate-password").requireFailure(t, exitUsage, "--generate-password: the email belongs to an account")
		second := createWorkspace(t, "", env, "--email", "ADMIN@acme.test", "--admin-name", "Someone Else")
		modelstest.Equal(t, "exit code", second.code, exitOK)
		if !workspaceID.MatchString(second.stdout) {
			t.Errorf("stdout = %q, want the workspace's ID", second.stdout)
		}
		if strings.TrimSpace(second.stdout) == first {
			t.Errorf("workspace = %s, which exists", first)
		}
		if second.stderr != "admin@acme.test already has an account. Ada Admin is now the admin and keeps the current password.\n" {
			t.Errorf("stderr = %q", second.stderr)
		}
		signIn(t, env, modelstest.Password)
	})
}

// A person with a pending invitation has no password yet, so the command sets one.
func TestCreateWorkspaceForAnInvitedPerson(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	first := strings.TrimSpace(createWorkspace(t, modelstest.Password+"\n", env).stdout)
	if _, err := openTestStore(t, env).AddMember(context.Background(), first, models.NewMember{Email: "grace@acme.test"}); err != nil {
		t.Fatal(err)
	}
	created := createWorkspace(t, "", env, "--name", "Second", "--email", "grace@acme.test", "--admin-name", "Grace Hopper")
	password := regexp.MustCompile(`Password for grace@acme.test \(shown once\): (\S+)\n$`).FindStringSubmatch(created.stderr)
	if created.code != exitOK || password == nil {
		t.Fatalf("%+v", created)
	}
	credentials := models.Credentials{Email: "grace@acme.test", Password: password[1]}
	if _, err := openTestStore(t, env).SignIn(context.Background(), "", credentials); err != nil {
		t.Errorf("sign in: %v", err)
	}
}

func TestWorkspaceList(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		empty := skipup(t, env, "workspace", "list", "--json")
		empty.requireCode(t, exitOK)
		if empty.stdout != "[]\n" {
			t.Errorf("stdout without workspaces = %q, want []", empty.stdout)
		}
		skipup(t, env, "keys", "list").requireFailure(t, exitRejected, "There is no workspace in ", "skipup workspace create")
		acme := newWorkspace(t, env)
		key := skipup(t, env, "keys", "create", "--name", "CI", "--scopes=")
		key.requireCode(t, exitOK)
		if keys := listJSON(t, env, acme); len(keys) != 1 {
			t.Errorf("keys of the only workspace = %d, want 1", len(keys))
		}
		if got := skipup(t, env, "keys", "list"); got.code != exitOK || !strings.Contains(got.stdout, "CI") {
			t.Errorf("keys list without --workspace: code = %d, stdout = %q; want 0 and the key", got.code, got.stdout)
		}
		second := skipup(t, env, "workspace", "create", "--name", "Globex", "--email", "admin@acme.test", "--admin-name", "Ada")
		globex := strings.TrimSpace(second.stdout)
		listed := skipup(t, env, "workspace", "list")
		listed.requireCode(t, exitOK)
		lines := strings.Split(listed.stdout, "\n")
		for i, want := range []string{"ID ", acme + "  Acme", globex} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("line %d = %q, want prefix %q", i, lines[i], want)
			}
		}
		for _, args := range [][]string{{"keys", "list"}, {"keys", "create", "--name", "CI", "--scopes="}} {
			skipup(t, env, args...).requireFailure(t, exitUsage, "there are 2 workspaces; choose one with --workspace", "skipup workspace list")
		}
		skipup(t, env, "keys", "list", "--workspace", "ws_unknown").requireFailure(t, exitRejected, "skipup workspace list")
	})
}

// An account whose email isn't verified may be someone else's, so its owner needs the printed link.
func TestCreateWorkspaceForAnUnverifiedAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		ctx, store := context.Background(), openTestStore(t, env)
		first := newWorkspace(t, env)
		member, err := store.AddMember(ctx, first, models.NewMember{Email: "cfo@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		invited, err := store.InviteMember(ctx, first, member.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.AcceptInvitation(ctx, invited.Token, "Squatter", modelstest.Password); err != nil {
			t.Fatal(err)
		}
		create := func(more ...string) outcome {
			args := append([]string{"workspace", "create", "--name", "Finance", "--email", "cfo@acme.test", "--admin-name", "The CFO", "--public-url", "https://keys.acme.test"}, more...)
			return skipup(t, env, args...)
		}
		created := create()
		link := regexp.MustCompile(`^cfo@acme\.test has an account, but its email isn't verified\. Give this link to the admin\. It works once, until \S+:\nhttps://keys\.acme\.test/invitations/([A-Z2-7]{26})\n$`).FindStringSubmatch(created.stderr)
		if created.code != exitOK || link == nil {
			t.Fatalf("exit code = %d, stderr = %q, want 0 and a link", created.code, created.stderr)
		}
		if got, err := store.MembershipsOf(ctx, member.UserID); err != nil || len(got) != 1 {
			t.Errorf("memberships = %+v, %v, want only the first workspace", got, err)
		}
		if _, err := store.AcceptInvitationAs(ctx, link[1], member.UserID); err != nil {
			t.Errorf("accept the printed link: %v", err)
		}
		confirmed := create("--existing-account")
		if want := "cfo@acme.test already has an account. Squatter is now the admin and keeps the current password.\n"; confirmed.stderr != want {
			t.Errorf("stderr with --existing-account = %q, want %q", confirmed.stderr, want)
		}
	})
}

func TestWorkspaceDeleteAndRestore(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	acme := newWorkspace(t, env)
	skipup(t, env, "keys", "create", "--name", "CI", "--scopes=").requireCode(t, exitOK)
	state := func() string {
		t.Helper()
		listed := skipup(t, env, "workspace", "list")
		listed.requireCode(t, exitOK)
		return listed.stdout
	}
	modelstest.Contains(t, "list", state(), "active", "MEMBERS")
	skipup(t, env, "workspace", "delete", acme).requireFailure(t, exitUsage, "confirm-name")
	skipup(t, env, "workspace", "delete", acme, "--confirm-name", "Acm").requireFailure(t, exitUsage, "--confirm-name doesn't match")
	skipup(t, env, "workspace", "delete", "ws_unknown", "--confirm-name", "Acme").requireFailure(t, exitRejected, "skipup workspace list")
	skipup(t, env, "workspace", "delete", acme, "--confirm-name", "Acme").requireCode(t, exitOK)
	modelstest.Contains(t, "list after the deletion", state(), "deleted, restorable until ")
	skipup(t, env, "keys", "list").requireFailure(t, exitRejected, "There is no workspace in ")
	restored := skipup(t, env, "workspace", "restore", acme)
	restored.requireCode(t, exitOK)
	modelstest.Contains(t, "output", restored.stdout, "Restored Acme", "API keys are paused")
	modelstest.Contains(t, "keys after the restore", skipup(t, env, "keys", "list").stdout, "paused")
	skipup(t, env, "workspace", "restore", acme).requireFailure(t, exitRejected, "This workspace isn't deleted.")
}
