package main

import (
	"context"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestUserUnlock(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		newWorkspace(t, env)
		store := openTestStore(t, env)
		if _, err := store.SignIn(context.Background(), "", models.Credentials{Email: "admin@acme.test", Password: "wrong"}); !models.IsKind(err, models.Invalid) {
			t.Fatalf("sign in with a wrong password: %v", err)
		}
		execute(t, env, "UPDATE sign_in_throttles SET failures = 100, blocked_until = '2099-01-01 00:00:00' WHERE subject LIKE 'account:%'")
		credentials := models.Credentials{Email: "admin@acme.test", Password: modelstest.Password}
		if _, err := store.SignIn(context.Background(), "", credentials); !models.IsKind(err, models.RateLimited) {
			t.Fatalf("sign in during the attack: %v, want it rate limited", err)
		}
		unlocked := skipup(t, env, "user", "unlock", "Admin@acme.test")
		unlocked.requireCode(t, exitOK)
		if want := "Unlocked admin@acme.test.\n"; unlocked.stdout != want {
			t.Errorf("stdout = %q, want %q", unlocked.stdout, want)
		}
		signIn(t, env, modelstest.Password)
	})
}

func TestUserUnlockIsRejected(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	skipup(t, env, "user", "unlock", "unknown@acme.test").requireFailure(t, exitRejected, "Account not found.")
	skipup(t, env, "user", "unlock").requireFailure(t, exitUsage, "specify the email of one account")
	skipup(t, env, "user", "unlock", "a@acme.test", "b@acme.test").requireFailure(t, exitUsage, "specify the email of one account")
}

func TestUserResetLink(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		newWorkspace(t, env)
		env["SKIPUP_PUBLIC_URL"] = "https://keys.acme.test"
		created := skipup(t, env, "user", "reset-link", "Admin@acme.test")
		if created.code != exitOK {
			t.Fatalf("exit code = %d with stderr: %s", created.code, created.stderr)
		}
		token, found := strings.CutPrefix(strings.TrimSpace(created.stdout), "https://keys.acme.test/reset-password/")
		if !found {
			t.Fatalf("stdout = %q, want a link", created.stdout)
		}
		const next = "nine patient gardeners"
		if err := openTestStore(t, env).ResetPassword(context.Background(), token, next); err != nil {
			t.Fatal(err)
		}
		signIn(t, env, next)
	})
}

func TestUserResetLinkIsRejected(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	store := openTestStore(t, env)
	workspaces, err := store.Workspaces(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.AddMember(context.Background(), workspaces[0].ID, models.NewMember{Email: "grace@acme.test"}); err != nil {
		t.Fatal(err)
	}
	skipup(t, env, "user", "reset-link", "unknown@acme.test").requireFailure(t, exitRejected, "Account not found.")
	skipup(t, env, "user", "reset-link", "grace@acme.test").requireFailure(t, exitRejected, "grace@acme.test hasn't joined yet.")
	skipup(t, env, "user", "reset-link").requireFailure(t, exitUsage, "specify the email of one account")
}

func TestUserChangeEmail(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	skipup(t, env, "user", "change-email", "admin@acme.test").requireFailure(t, exitUsage, "specify the old and the new email of one account")
	skipup(t, env, "user", "change-email", "unknown@acme.test", "new@acme.test").requireFailure(t, exitRejected, "Account not found.")
	skipup(t, env, "user", "change-email", "admin@acme.test", "no email").requireFailure(t, exitUsage, "must not contain spaces")
	changed := skipup(t, env, "user", "change-email", "Admin@acme.test", "new@acme.test")
	changed.requireCode(t, exitOK)
	if want := " now signs in with new@acme.test.\n"; !strings.HasSuffix(changed.stdout, want) {
		t.Errorf("stdout = %q, want it to end with %q", changed.stdout, want)
	}
	if _, err := openTestStore(t, env).SignIn(context.Background(), "", models.Credentials{Email: "new@acme.test", Password: modelstest.Password}); err != nil {
		t.Errorf("sign in with the new email: %v", err)
	}
}

func TestUserResetSecondFactor(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	execute(t, env, `INSERT INTO second_factors (id, user_id, kind, sealed, last_step, created_at)
		SELECT 'fac_1', id, 'totp', x'00', 0, '2026-01-01 00:00:00' FROM users`)
	reset := skipup(t, env, "user", "reset-second-factor", "Admin@acme.test")
	reset.requireCode(t, exitOK)
	if want := "Removed the second factor of admin@acme.test.\n"; reset.stdout != want {
		t.Errorf("stdout = %q, want %q", reset.stdout, want)
	}
	signIn(t, env, modelstest.Password)
	skipup(t, env, "user", "reset-second-factor", "admin@acme.test").requireFailure(t, exitRejected, "admin@acme.test has no second factor.")
	skipup(t, env, "user", "reset-second-factor", "unknown@acme.test").requireFailure(t, exitRejected, "Account not found.")
}

func TestUserResetSingleSignOn(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	execute(t, env, `INSERT INTO user_identities (id, user_id, issuer, subject, last_used_at, created_at)
		SELECT 'idn_1', id, 'https://id.acme.test', '1', '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM users`)
	reset := skipup(t, env, "user", "reset-single-sign-on", "Admin@acme.test")
	reset.requireCode(t, exitOK)
	if want := "Unlinked admin@acme.test. Their next sign-in with single sign-on links the account again.\n"; reset.stdout != want {
		t.Errorf("stdout = %q, want %q", reset.stdout, want)
	}
	skipup(t, env, "user", "reset-single-sign-on", "admin@acme.test").requireFailure(t, exitRejected, "isn't linked to an account at the sign-in provider.")
	skipup(t, env, "user", "reset-single-sign-on", "unknown@acme.test").requireFailure(t, exitRejected, "Account not found.")
}

func TestUserErase(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	acme := newWorkspace(t, env)
	store := openTestStore(t, env)
	if _, err := store.AddMember(t.Context(), acme, models.NewMember{Email: "kim@acme.test"}); err != nil {
		t.Fatal(err)
	}
	skipup(t, env, "user", "erase", "admin@acme.test").requireFailure(t, exitRejected, "is the last admin of Acme")
	erased := skipup(t, env, "user", "erase", "kim@acme.test")
	erased.requireCode(t, exitOK)
	modelstest.Contains(t, "output", erased.stdout, "Erased person ")
	skipup(t, env, "user", "erase", "kim@acme.test").requireFailure(t, exitRejected, "Account not found.")
	skipup(t, env, "audit", "verify").requireCode(t, exitOK)
}
