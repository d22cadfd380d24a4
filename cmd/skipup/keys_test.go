package main

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

var wholeKey = regexp.MustCompile(`^sk_live_[0-9A-Za-z]{36}$`)

func listJSON(t *testing.T, env map[string]string, workspace string, more ...string) []map[string]any {
	t.Helper()
	got := skipup(t, env, append([]string{"keys", "list", "--json", "--workspace", workspace}, more...)...)
	got.requireCode(t, exitOK)
	var keys []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &keys); err != nil || keys == nil {
		t.Fatalf("%v in %q", err, got.stdout)
	}
	return keys
}

func TestCreateListAndDeleteKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		text := newKey(t, env, workspace, "CI", "seats.read, meeting_requests.read", "--expires-in", "720h")
		if !wholeKey.MatchString(text) {
			t.Fatalf("stdout = %q, want only a key", text)
		}

		store := openTestStore(t, env)
		digest, err := token.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		key, err := store.APIKeyByDigest(context.Background(), digest)
		if err != nil {
			t.Fatalf("find the printed key: %v", err)
		}
		modelstest.Equal(t, "Scopes", key.Scopes, scope.Of(scope.MeetingRequestsRead, scope.SeatsRead))
		modelstest.Equal(t, "CreatedByType", key.CreatedByType, models.ActorOperator)
		modelstest.Equal(t, "CreatedByName", key.CreatedByName, "Operator (command line)")
		if life := key.ExpiresAt.Sub(key.CreatedAt); life > 30*24*time.Hour || life < 30*24*time.Hour-time.Minute {
			t.Errorf("lifetime = %s, want 720h", life)
		}

		want := map[string]any{
			"id": key.ID, "name": "CI", "description": "", "environment": "", "owner_id": nil, "owner_email": "", "notify_new_callers": false, "key_prefix": text[:12] + "....", "state": "active",
			"scopes": []any{"meeting_requests.read", "seats.read"}, "created_at": key.CreatedAt.UTC().Format("2006-01-02T15:04:05Z"),
			"last_used_at": nil, "expires_at": key.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z"), "rate_limit": nil, "allowlist": map[string]any{"mode": "inherit", "addresses": []any{}}, "paused_until": nil, "delete_at": nil, "deleted_at": nil,
			"rotated_from": nil, "rotated_to": nil, "lineage_id": nil,
		}
		if diff := cmp.Diff([]map[string]any{want}, listJSON(t, env, workspace)); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}

		deleted := skipup(t, env, "keys", "delete", key.ID)
		deleted.requireCode(t, exitOK)
		printed := `^Deleted "CI" \(` + regexp.QuoteMeta(key.KeyPrefix) + `\)\. Rejected by every node after \d+ ms\. No nodes were running\. Never used\.\n$`
		if !regexp.MustCompile(printed).MatchString(deleted.stdout) {
			t.Errorf("stdout = %q, want %s", deleted.stdout, printed)
		}
		after, err := store.APIKey(context.Background(), workspace, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if after.DeletedAt == nil {
			t.Error("the key isn't deleted")
		}
		modelstest.Equal(t, "DeletedByName", after.DeletedByName, "Operator (command line)")
		if left := listJSON(t, env, workspace); len(left) != 0 {
			t.Errorf("listed keys = %v, want none", left)
		}
		listed := listJSON(t, env, workspace, "--state", "deleted")
		if len(listed) != 1 {
			t.Fatalf("deleted keys = %v, want one", listed)
		}
		modelstest.Equal[any](t, "state", listed[0]["state"], "deleted")
		if listed[0]["deleted_at"] == nil {
			t.Error("deleted_at = null")
		}
		skipup(t, env, "keys", "delete", key.ID).requireFailure(t, exitRejected, "API key not found.")
	})
}

func TestDeleteKeyPrintsJSON(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	got := skipup(t, env, "keys", "delete", "--json", id)
	got.requireCode(t, exitOK)
	var deleted struct {
		ID          string    `json:"id"`
		DeletedAt   time.Time `json:"deleted_at"`
		EffectiveAt time.Time `json:"in_force_at"`
		TookMS      *int64    `json:"took_ms"`
		Nodes       *int      `json:"nodes"`
		SilentNodes []string  `json:"silent_nodes"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &deleted); err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "id", deleted.ID, id)
	if age := time.Since(deleted.DeletedAt); age > time.Minute {
		t.Errorf("deleted %v ago, want just now", age)
	}
	if deleted.EffectiveAt.Before(deleted.DeletedAt) {
		t.Errorf("in force at %v, before the deletion at %v", deleted.EffectiveAt, deleted.DeletedAt)
	}
	if deleted.TookMS == nil {
		t.Error("took_ms is missing")
	}
	modelstest.Equal(t, "nodes", deleted.Nodes, new(0))
	modelstest.Equal(t, "silent nodes", deleted.SilentNodes, []string{})
}

func TestDeleteKeyPrintsLastUse(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	store := openTestStore(t, env)
	useKey(t, store, id, workspace)
	got := skipup(t, env, "keys", "delete", id)
	got.requireCode(t, exitOK)
	if !regexp.MustCompile(`Rejected by every node after \d+ ms\. No nodes were running\. Last used at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ from 192\.0\.2\.7 for GET /me\.\n$`).MatchString(got.stdout) {
		t.Errorf("stdout = %q, want the last use", got.stdout)
	}
}

// TestKeysHaveTheModeOfTheirWorkspace also rotates a key, which keeps the mode.
func TestKeysHaveTheModeOfTheirWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		live := newWorkspace(t, env)
		created := createWorkspace(t, "", env, "--name", "Acme (test)", "--test")
		modelstest.Equal(t, "exit code", created.code, exitOK)
		test := strings.TrimSpace(created.stdout)
		for workspace, prefix := range map[string]string{live: "sk_live_", test: "sk_test_"} {
			skipup(t, env, "keys", "create", "--workspace", workspace, "--name", "CI", "--scopes=").requirePrefix(t, prefix)
			skipup(t, env, "keys", "rotate", listJSON(t, env, workspace)[0]["id"].(string)).requirePrefix(t, prefix)
		}

		list := skipup(t, env, "workspace", "list")
		list.requireCode(t, exitOK)
		want := regexp.MustCompile(`^ID +NAME +MODE +STATE +MEMBERS +KEYS +CREATED\n` + live + `  Acme +live +active +1 +2 +\S+Z\n` + test + `  Acme \(test\)  test +active +1 +2 +\S+Z\n$`)
		if !want.MatchString(list.stdout) {
			t.Errorf("list = %q, want a match of %s", list.stdout, want)
		}
		asJSON := skipup(t, env, "workspace", "list", "--json")
		asJSON.requireCode(t, exitOK)
		modelstest.Contains(t, "list", asJSON.stdout, `"mode": "live"`, `"mode": "test"`)
	})
}

// requirePrefix checks that the program succeeded and that its output begins with prefix.
func (o outcome) requirePrefix(t *testing.T, prefix string) {
	t.Helper()
	o.requireCode(t, exitOK)
	if !strings.HasPrefix(o.stdout, prefix) {
		t.Errorf("stdout = %.12s…, want prefix %s", o.stdout, prefix)
	}
}

func TestListKeysAsTable(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "")
	newKey(t, env, workspace, "backups \ue000 of 会议", "seats.read,members.read", "--expires-in", "24h")
	got := skipup(t, env, "keys", "list", "--workspace", workspace)
	got.requireCode(t, exitOK)
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	want := []*regexp.Regexp{
		regexp.MustCompile(`^ID +NAME +PREFIX +STATUS +SCOPES +CREATED +LAST USED +EXPIRES +OWNER +ENVIRONMENT +DESCRIPTION$`),
		regexp.MustCompile(`^key_\w{26}  "backups \\ue000 of 会议"  sk_live_\w{4}\.\.\.\.  expires_soon  members\.read,seats\.read  [-0-9:TZ]{20}  never      [-0-9:TZ]{20}  -      -            -$`),
		regexp.MustCompile(`^key_\w{26}  CI +sk_live_\w{4}\.\.\.\.  active        -                        [-0-9:TZ]{20}  never      never +- +- +-$`),
	}
	if len(lines) != len(want) {
		t.Fatalf("lines = %d, want %d:\n%s", len(lines), len(want), got.stdout)
	}
	for i, line := range lines {
		if !want[i].MatchString(line) {
			t.Errorf("line %d = %q, want %s", i, line, want[i])
		}
	}
}

func TestKeysNotifyOfNewCallers(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "", "--notify-new-callers")
		newKey(t, env, workspace, "Nightly", "")
		keys := listJSON(t, env, workspace)
		modelstest.Equal[any](t, "of a key with the flag", keys[1]["notify_new_callers"], true)
		modelstest.Equal[any](t, "of a key without the flag", keys[0]["notify_new_callers"], false)
		skipup(t, env, "keys", "update", keys[1]["id"].(string), "--notify-new-callers=false").requireCode(t, exitOK)
		modelstest.Equal[any](t, "after the update", listJSON(t, env, workspace)[1]["notify_new_callers"], false)
	})
}

func TestKeysHaveOwners(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "", "--owner", "Admin@acme.test")
		newKey(t, env, workspace, "Nightly", "")
		keys := listJSON(t, env, workspace)
		modelstest.Equal[any](t, "owner of a new key", keys[1]["owner_email"], "admin@acme.test")
		modelstest.Equal[any](t, "owner of a key without --owner", keys[0]["owner_id"], nil)
		id := keys[0]["id"].(string)
		skipup(t, env, "keys", "update", id, "--owner", "nobody@acme.test").requireFailure(t, exitRejected, "nobody@acme.test isn't an active member")
		skipup(t, env, "keys", "update", id, "--owner", "").requireFailure(t, exitUsage, "--owner: the email must not be empty")
		skipup(t, env, "keys", "create", "--name", "Empty", "--scopes", "", "--owner", "").requireFailure(t, exitUsage, "--owner: the email must not be empty")
		skipup(t, env, "keys", "update", id, "--owner", "admin@acme.test").requireCode(t, exitOK)
		modelstest.Equal[any](t, "owner after the update", listJSON(t, env, workspace)[0]["owner_email"], "admin@acme.test")
		if table := skipup(t, env, "keys", "list"); !strings.Contains(table.stdout, "admin@acme.test") {
			t.Errorf("table = %q, want the owner", table.stdout)
		}
	})
}

// There are more keys than any page of the dashboard or the API holds.
func TestListKeysListsAll(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		store := openTestStore(t, env)
		for range 250 {
			if _, _, err := store.CreateAPIKey(context.Background(), workspace, models.NewAPIKey{Name: "CI"}); err != nil {
				t.Fatal(err)
			}
		}
		ids := map[any]bool{}
		for _, key := range listJSON(t, env, workspace) {
			ids[key["id"]] = true
		}
		if len(ids) != 250 {
			t.Errorf("listed %d keys, want 250", len(ids))
		}
	})
}

func TestKeysRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	create := func(more ...string) []string {
		return append([]string{"keys", "create", "--workspace", workspace, "--name", "CI", "--scopes", "seats.read"}, more...)
	}
	tests := []struct {
		name string
		args []string
		code int
		text []string
	}{
		{"unknown scopes", create("--scopes", "seats,members.Read"), exitUsage,
			[]string{`unknown scope "seats", "members.Read"`, "the scopes are meeting_requests.read, meeting_requests.write, members.read"}},
		{"unknown scope and wrong configuration", create("--scopes", "seats", "--max-keys", "many"), exitUsage,
			[]string{"--max-keys (SKIPUP_MAX_KEYS)"}}, // the scopes are in the database
		{"empty scope", create("--scopes", "seats.write,,members.read"), exitUsage, []string{`unknown scope ""`}},
		{"no scopes given", []string{"keys", "create", "--workspace", workspace, "--name", "CI"}, exitUsage, []string{`"scopes" not set`}},
		{"empty name", create("--name", " "), exitUsage, []string{"--name is required"}},
		{"expires now", create("--expires-in", "0s"), exitUsage, []string{"--expires-in must be in the future"}},
		{"expires in the past", create("--expires-in", "-1h"), exitUsage, []string{"--expires-in must be in the future"}},
		{"no such workspace", create("--workspace", "ws_1"), exitRejected, []string{"Workspace not found in "}},
		{"list missing workspace", []string{"keys", "list", "--workspace", "ws_1"}, exitRejected, []string{"Workspace not found in "}},
		{"unknown state", []string{"keys", "list", "--workspace", workspace, "--state", "dead"}, exitUsage, []string{"--state must be one of active, expires_soon, paused, expired, deleted"}},
		{"delete missing key", []string{"keys", "delete", "key_1"}, exitRejected, []string{"API key not found."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			skipup(t, env, tt.args...).requireFailure(t, tt.code, tt.text...)
			if keys := listJSON(t, env, workspace); len(keys) != 0 {
				t.Errorf("keys = %v, want none", keys)
			}
		})
	}
}

// The operator must learn of a key that no one has seen.
func TestCreateKeyReportsUnprintedKey(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("this system has no device that is always full: %v", err)
	}
	defer full.Close()
	var stderr strings.Builder
	code := run(context.Background(), []string{"keys", "create", "--workspace", workspace, "--name", "CI", "--scopes="}, env, strings.NewReader(""), full, &stderr)
	id := listJSON(t, env, workspace)[0]["id"].(string)
	if code != exitFailed || !strings.Contains(stderr.String(), "created "+id+" but couldn't print it; delete it") {
		t.Errorf("exit code = %d, stderr = %s", code, &stderr)
	}
	requireNoSecrets(t, stderr.String())
}

// useKey records a request with a key.
func useKey(t *testing.T, store *models.Store, keyID, workspaceID string) {
	t.Helper()
	now := store.Now()
	err := store.AddUsage(context.Background(), usage.Counts{
		ID: keyID,
		Rows: []usage.Count{{
			APIKeyID: keyID, WorkspaceID: workspaceID, StartsAt: usage.Hourly.Start(now), Route: "GET /me", StatusClass: 2, Requests: 1,
			Caller: usage.Caller{Address: "192.0.2.7"}, First: now, Last: now,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpdateKey(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read", "--expires-in", "24h")
	key := func() map[string]any { return listJSON(t, env, workspace)[0] }
	id := key()["id"].(string)
	update := func(more string, args ...string) {
		t.Helper()
		got := skipup(t, env, append([]string{"keys", "update", id}, args...)...)
		got.requireCode(t, exitOK)
		if want := "Updated " + id + "." + more + "\n"; got.stdout != want {
			t.Errorf("%v: stdout = %q, want %q", args, got.stdout, want)
		}
	}
	const applied = " Applied on every node."
	update(applied, "--scopes", "seats.write,members.read", "--never-expires")
	modelstest.Equal[any](t, "scopes", key()["scopes"], []any{"members.read", "seats.write"})
	modelstest.Equal(t, "expires_at", key()["expires_at"], nil)
	modelstest.Equal[any](t, "name", key()["name"], "CI")
	update(applied, "--scopes", "seats.write,members.read") // again
	update("", "--name", "Builds")
	modelstest.Equal[any](t, "name", key()["name"], "Builds")
	modelstest.Equal[any](t, "scopes", key()["scopes"], []any{"members.read", "seats.write"})
	update(applied, "--scopes", "", "--expires-in", "2h")
	requireIn(t, key()["expires_at"], 2*time.Hour)
	modelstest.Equal[any](t, "scopes", key()["scopes"], []any{})
	update("", "--notify-new-callers")
	modelstest.Equal[any](t, "notifications about new callers", key()["notify_new_callers"], true)
	update("", "--notify-new-callers=false")
	modelstest.Equal[any](t, "notifications about new callers", key()["notify_new_callers"], false)
	before := key()
	for _, tt := range []struct {
		args []string
		text string
	}{
		{nil, "name description environment owner notify-new-callers scopes expires-in never-expires"}, {[]string{"--scopes", "seats"}, `unknown scope "seats"`}, {[]string{"--expires-in", "-1h"}, "--expires-in must be in the future"},
		{[]string{"--name", " "}, "--name is required"}, {[]string{"--name", ""}, "--name is required"},
		{[]string{"--expires-in", "1h", "--never-expires"}, "expires-in never-expires"}, {[]string{"--name", "Half done", "--expires-in", "-1h"}, "--expires-in must be in the future"},
	} {
		skipup(t, env, append([]string{"keys", "update", id}, tt.args...)...).requireFailure(t, exitUsage, tt.text)
	}
	skipup(t, env, "keys", "update", "key_1", "--name", "X").requireFailure(t, exitRejected, "API key not found.")
	if after := key(); !reflect.DeepEqual(before, after) {
		t.Errorf("rejected updates changed %v to %v", before, after)
	}
}
