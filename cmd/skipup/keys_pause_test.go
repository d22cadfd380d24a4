package main

import (
	"regexp"
	"testing"
	"time"
)

func TestPauseAndResumeKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "seats.read")
		key := func() map[string]any { return listJSON(t, env, workspace)[0] }
		id := key()["id"].(string)
		paused := skipup(t, env, "keys", "pause", id, "--for", "1h")
		paused.requireCode(t, exitOK)
		if said := regexp.MustCompile(`^Paused "CI" \(sk_live_\S+\): refused by every node until \S+Z\.\n$`); !said.MatchString(paused.stdout) {
			t.Errorf("stdout %q", paused.stdout)
		}
		until, err := time.Parse(time.RFC3339, key()["paused_until"].(string))
		if left := time.Until(until); err != nil || key()["state"] != "paused" || left > time.Hour+time.Second || left < 59*time.Minute {
			t.Errorf("%v, %v left, %v", key(), left, err)
		}
		if paused := listJSON(t, env, workspace, "--state", "paused"); len(paused) != 1 {
			t.Errorf("paused keys: %v", paused)
		}
		resumed := skipup(t, env, "keys", "resume", id)
		resumed.requireCode(t, exitOK)
		if said := regexp.MustCompile(`^Resumed "CI" \(sk_live_\S+\): no node refuses it for a pause any more\.\n$`); !said.MatchString(resumed.stdout) {
			t.Errorf("stdout %q", resumed.stdout)
		}
		if now := key(); now["state"] != "active" || now["paused_until"] != nil {
			t.Errorf("resumed: %v", now)
		}
	})
}

func TestRefusedPausesOfKeys(t *testing.T) {
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	for _, tt := range []struct {
		args []string
		code int
		said string
	}{
		{[]string{"pause", id}, exitUsage, `"for" not set`},
		{[]string{"pause", id, "--for", "0s"}, exitUsage, "--for must be in the future"},
		{[]string{"pause", id, "--for", "-1h"}, exitUsage, "--for must be in the future"},
		{[]string{"pause", id, "--for", "2161h"}, exitUsage, "--for must be within 90 days"},
		{[]string{"pause", "key_1", "--for", "1h"}, exitRejected, "API key not found."},
		{[]string{"resume", "key_1"}, exitRejected, "API key not found."},
		{[]string{"resume"}, exitUsage, "give the id of one key"},
		{[]string{"resume", id, "key_1"}, exitUsage, "give the id of one key"},
	} {
		skipup(t, env, append([]string{"keys"}, tt.args...)...).requireFailure(t, tt.code, tt.said)
	}
	if key := listJSON(t, env, workspace)[0]; key["state"] != "active" {
		t.Errorf("a refusal has paused the key: %v", key)
	}
}
