package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/wire"
)

func TestWorkspacePolicy(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := strings.TrimSpace(createWorkspace(t, modelstest.Password+"\n", env).stdout)
		newKey(t, env, workspace, "Never", "members.read")
		read := func(args ...string) (p printedPolicy) {
			t.Helper()
			out := skipup(t, env, append([]string{"workspace", "policy", "--json"}, args...)...)
			out.requireCode(t, exitOK)
			if err := json.Unmarshal([]byte(out.stdout), &p); err != nil {
				t.Fatal(err)
			}
			return p
		}
		none := wire.Allowlist{Mode: "none", Addresses: []string{}}
		modelstest.Equal(t, "default policy", read(), printedPolicy{ReviewUnusedDays: 30, ReviewIdleDays: 90, ReviewOldDays: 365, Allowlist: none})
		wrong := skipup(t, env, "workspace", "policy", "--max-days", "10", "--default-days", "11", "--review-old-days", "0")
		wrong.requireCode(t, exitUsage)
		for _, says := range []string{"--default-days must be at most the maximum of 10", "--review-old-days must be a whole number from 1 to 3650"} {
			if !strings.Contains(wrong.stderr, says) {
				t.Errorf("stderr = %q, want it to contain %q", wrong.stderr, says)
			}
		}
		set := read("--max-days", "90", "--default-days", "30", "--second-factor-required", "--single-sign-on-required")
		modelstest.Equal(t, "policy", set, printedPolicy{ExpiryRequired: true, MaxDays: 90, DefaultDays: 30, ReviewUnusedDays: 30, ReviewIdleDays: 90, ReviewOldDays: 365, SecondFactorRequired: true, SingleSignOnRequired: true, Allowlist: none})
		locked := skipup(t, env, "doctor")
		locked.requireCode(t, exitFailed)
		if !strings.Contains(locked.stdout, "error    single_sign_on_required: ") {
			t.Errorf("doctor = %q, want an error about single sign-on", locked.stdout)
		}
		if read("--single-sign-on-required=false").SingleSignOnRequired {
			t.Error("single sign-on is still required")
		}

		skipup(t, env, "keys", "create", "--name", "X", "--scopes", "", "--never-expires").requireCode(t, exitUsage)
		skipup(t, env, "keys", "create", "--name", "X", "--scopes", "", "--expires-in", "2162h").requireCode(t, exitUsage)
		skipup(t, env, "keys", "create", "--name", "Default", "--scopes", "").requireCode(t, exitOK)
		shorten := func(args ...string) (keys []shortenedKey) {
			t.Helper()
			out := skipup(t, env, append([]string{"keys", "shorten", "--json"}, args...)...)
			out.requireCode(t, exitOK)
			if err := json.Unmarshal([]byte(out.stdout), &keys); err != nil {
				t.Fatal(err)
			}
			return keys
		}
		preview := shorten("--dry-run")
		modelstest.Equal(t, "keys to shorten", len(preview), 1)
		modelstest.Equal(t, "name", preview[0].Name, "Never")
		modelstest.Equal(t, "still to shorten", len(shorten("--dry-run")), 1)
		shortened := shorten()
		modelstest.Equal(t, "shortened", len(shortened), 1)
		if left := time.Until(*shortened[0].ExpiresAt); left < 89*24*time.Hour || left > 90*24*time.Hour {
			t.Errorf("the key expires in %v, want 90 days", left)
		}
		modelstest.Equal(t, "left to shorten", len(shorten()), 0)
	})
}
