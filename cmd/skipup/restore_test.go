package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var createdKeyID = regexp.MustCompile(`key_\w{26}`)

func deleteKey(t *testing.T, env map[string]string) {
	t.Helper()
	list := skipup(t, env, "keys", "list")
	list.requireCode(t, exitOK)
	skipup(t, env, "keys", "delete", createdKeyID.FindString(list.stdout)).requireCode(t, exitOK)
}

func TestRestoreAndServe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		key := newKey(t, env, newWorkspace(t, env), "CI", "seats.read")
		file := filepath.Join(t.TempDir(), "backup.zip")
		skipup(t, env, "backup", file).requireCode(t, exitOK)
		elsewhere := map[string]string{"DATABASE_URL": modelstest.Elsewhere(t, env["DATABASE_URL"])}
		restored := skipup(t, elsewhere, "restore", file, "--yes")
		if restored.code != exitOK {
			t.Fatalf("restore: %+v", restored)
		}
		modelstest.Contains(t, "stderr", restored.stderr, "which is empty.", "WARNING: API keys that were deleted after the backup will work again", "--pause-keys")
		modelstest.Contains(t, "stdout", restored.stdout, "Everyone must sign in again.")
		s := serve(t, elsewhere)
		if status, _ := s.get("/api/v1/me", key); status != 200 {
			t.Errorf("status with a key of the backup = %d, want 200", status)
		}
		signIn(t, elsewhere, modelstest.Password)
		used := skipup(t, elsewhere, "restore", file, "--yes")
		used.requireFailure(t, exitRejected, "in use", "try again")
	})
}

func TestRestoreWarnsOfDeletedKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		key := newKey(t, env, newWorkspace(t, env), "CI", "seats.read")
		file := filepath.Join(t.TempDir(), "backup.zip")
		skipup(t, env, "backup", file).requireCode(t, exitOK)
		deleteKey(t, env)
		restored := skipup(t, env, "restore", file, "--yes", "--deny-since", "--json")
		if restored.code != exitOK {
			t.Fatalf("restore: %+v", restored)
		}
		modelstest.Contains(t, "stderr", restored.stderr, "These API keys were deleted after the backup, and will be deleted again:\n  key_", "  CI\n")
		var done restoredDatabase
		if err := json.Unmarshal([]byte(restored.stdout), &done); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "deleted again", done.DeletedAgain, 1)
		modelstest.Equal(t, "deleted keys are known", done.DeletedKnown, true)
		s := serve(t, env)
		if status, _ := s.get("/api/v1/me", key); status != 401 {
			t.Errorf("status with the deleted key = %d, want 401", status)
		}
		s.stop()

		again := skipup(t, env, "restore", file, "--yes") // the database was itself restored
		modelstest.Contains(t, "stderr", again.stderr, "WARNING: These API keys were deleted after the backup, and will work again unless you use --deny-since:")
	})
}

func TestRestoreNeedsTheEncryptionKey(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	serve(t, env).stop() // creates a key file
	store := storeWithKeyFile(t, env)
	workspaces, err := store.Workspaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.CreateWebhookEndpoint(t.Context(), workspaces[0].ID, models.NewWebhookEndpoint{URL: "https://example.com/", Events: []string{"api_key.created"}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.zip")
	done := skipup(t, env, "backup", file)
	done.requireCode(t, exitOK)
	modelstest.Contains(t, "stdout", done.stdout, "you also need the encryption key with the fingerprint")
	elsewhere := map[string]string{"DATABASE_URL": modelstest.SQLiteURL(t)}
	path, _ := models.SQLiteFile(elsewhere["DATABASE_URL"])
	skipup(t, elsewhere, "restore", file, "--yes").requireFailure(t, exitRejected, "isn't configured", path+".key")
	wrong := map[string]string{"DATABASE_URL": elsewhere["DATABASE_URL"], "SKIPUP_ENCRYPTION_KEY": strings.Repeat("A", 43) + "="}
	skipup(t, wrong, "restore", file, "--yes").requireFailure(t, exitRejected, "isn't configured")
	if code := skipup(t, elsewhere, "restore", file, "--yes", "--allow-unreadable-secrets=true").code; code != exitOK {
		t.Errorf("exit code with --allow-unreadable-secrets = %d, want 0", code)
	}
}

func storeWithKeyFile(t *testing.T, env map[string]string) *models.Store {
	t.Helper()
	path, _ := models.SQLiteFile(env["DATABASE_URL"])
	text, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := parseKeyFile(path+".key", text)
	if err != nil {
		t.Fatal(err)
	}
	store, err := models.Open(env["DATABASE_URL"], models.Options{EncryptionKeys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestRestoreAsks(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	file := filepath.Join(t.TempDir(), "backup.zip")
	skipup(t, env, "backup", file).requireCode(t, exitOK)
	skipup(t, env, "restore", file).requireFailure(t, exitUsage, "use --yes")
	skipup(t, env, "restore").requireFailure(t, exitUsage, "specify the name of one file")
	skipup(t, env, "restore", file+".missing", "--yes").requireFailure(t, exitRejected, "doesn't exist or can't be read")

	canceled, _ := runCommandAtTerminal(t, env, []string{"restore", file}, "no\n")
	canceled.requireFailure(t, exitRejected, "Enter yes: ", "Canceled. Nothing was changed.")
	interrupted, _ := runCommandAtTerminal(t, env, []string{"restore", file}, interrupt)
	interrupted.requireFailure(t, exitInterrupted, "interrupted")
	confirmed, _ := runCommandAtTerminal(t, env, []string{"restore", file}, "yes\n")
	if confirmed.code != exitOK {
		t.Errorf("restore after yes: %+v", confirmed)
	}
	path, _ := models.SQLiteFile(env["DATABASE_URL"])
	kept, err := filepath.Glob(path + ".replaced-*")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "kept databases", len(kept), 1)
}
