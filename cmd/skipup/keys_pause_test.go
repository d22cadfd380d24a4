package main

import (
	"regexp"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestPauseAndResumeKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "seats.read")
		key := func() map[string]any { return listJSON(t, env, workspace)[0] }
		id := key()["id"].(string)
		paused := skipup(t, env, "keys", "pause", id, "--for", "1h")
		paused.requireCode(t, exitOK)
		if want := regexp.MustCompile(`^Paused "CI" \(sk_live_\S+\)\. Every node rejects it until \S+Z\.\n$`); !want.MatchString(paused.stdout) {
			t.Errorf("stdout = %q, want %s", paused.stdout, want)
		}
		modelstest.Equal[any](t, "state", key()["state"], "paused")
		requireIn(t, key()["paused_until"], time.Hour)
		if paused := listJSON(t, env, workspace, "--state", "paused"); len(paused) != 1 {
			t.Errorf("paused keys = %v, want 1", paused)
		}
		resumed := skipup(t, env, "keys", "resume", id)
		resumed.requireCode(t, exitOK)
		if want := regexp.MustCompile(`^Resumed "CI" \(sk_live_\S+\)\. Every node accepts it\.\n$`); !want.MatchString(resumed.stdout) {
			t.Errorf("stdout = %q, want %s", resumed.stdout, want)
		}
		if now := key(); now["state"] != "active" || now["paused_until"] != nil {
			t.Errorf("key = %v, want it active", now)
		}
	})
}

func TestScheduledDeletionOfKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "seats.read")
		key := func() map[string]any { return listJSON(t, env, workspace)[0] }
		id := key()["id"].(string)
		if _, err := openTestStore(t, env).ScheduleDeletion(t.Context(), workspace, id, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal[any](t, "state", key()["state"], "paused")
		requireIn(t, key()["delete_at"], models.DeletionDelay)
		modelstest.Equal[any](t, "paused_until", key()["paused_until"], nil)
		list := skipup(t, env, "keys", "list", "--workspace", workspace)
		modelstest.Contains(t, "list", list.stdout, "paused until deletion at "+key()["delete_at"].(string))
		skipup(t, env, "keys", "pause", id, "--for", "1h").requireFailure(t, exitRejected, "This key is scheduled for deletion. Cancel the deletion first.")
		resumed := skipup(t, env, "keys", "resume", id)
		resumed.requireCode(t, exitOK)
		modelstest.Contains(t, "stdout", resumed.stdout, "Every node accepts it. Its scheduled deletion is canceled.")
		modelstest.Equal[any](t, "delete_at", key()["delete_at"], nil)
	})
}

func TestPauseKeyRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	for _, tt := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"pause", id}, exitUsage, `"for" not set`},
		{[]string{"pause", id, "--for", "0s"}, exitUsage, "--for must be in the future"},
		{[]string{"pause", id, "--for", "-1h"}, exitUsage, "--for must be in the future"},
		{[]string{"pause", id, "--for", "2161h"}, exitUsage, "--for must be within 90 days"},
		{[]string{"pause", "key_1", "--for", "1h"}, exitRejected, "API key not found."},
		{[]string{"resume", "key_1"}, exitRejected, "API key not found."},
		{[]string{"resume"}, exitUsage, "specify the ID of one key"},
		{[]string{"resume", id, "key_1"}, exitUsage, "specify the ID of one key"},
	} {
		skipup(t, env, append([]string{"keys"}, tt.args...)...).requireFailure(t, tt.code, tt.text)
	}
	if key := listJSON(t, env, workspace)[0]; key["state"] != "active" {
		t.Errorf("key = %v, want it active", key)
	}
}
