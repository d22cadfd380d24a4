package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
)

func TestRotateKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "seats.read,seats.write", "--expires-in", "720h")
		first := listJSON(t, env, workspace)[0]
		got := skipup(t, env, "keys", "rotate", first["id"].(string))
		got.requireCode(t, exitOK)
		if text := got.stdout[:len(got.stdout)-1]; !wholeKey.MatchString(text) {
			t.Fatalf("stdout = %q, want only a key", got.stdout)
		}
		second := listJSON(t, env, workspace)[0]
		modelstest.Equal(t, "rotated_from", second["rotated_from"], first["id"])
		modelstest.Equal(t, "lineage_id", second["lineage_id"], first["id"])
		modelstest.Equal[any](t, "name", second["name"], "CI")
		if second["expires_at"] == nil {
			t.Error("the replacement never expires")
		}
		got = skipup(t, env, "keys", "rotate", second["id"].(string), "--scopes", "seats.read", "--never-expires", "--json")
		got.requireCode(t, exitOK)
		var third struct {
			ID          string
			Key         string
			Scopes      []string
			RotatedFrom string  `json:"rotated_from"`
			RotationID  string  `json:"lineage_id"`
			ExpiresAt   *string `json:"expires_at"`
		}
		if err := json.Unmarshal([]byte(got.stdout), &third); err != nil {
			t.Fatal(err)
		}
		if !wholeKey.MatchString(third.Key) {
			t.Errorf("key = %q", third.Key)
		}
		modelstest.Equal(t, "scopes", third.Scopes, []string{"seats.read"})
		modelstest.Equal[any](t, "rotated_from", third.RotatedFrom, second["id"])
		modelstest.Equal[any](t, "lineage_id", third.RotationID, first["id"])
		modelstest.Equal(t, "expires_at", third.ExpiresAt, nil)
		if second = listJSON(t, env, workspace)[1]; second["rotated_to"] != third.ID {
			t.Errorf("rotated_to = %v, want %s", second["rotated_to"], third.ID)
		}
	})
}

// An empty list of scopes differs from an omitted one.
func TestRotateKeyToNoScopes(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	got := skipup(t, env, "keys", "rotate", id, "--scopes", "", "--expires-in", "1h")
	got.requireCode(t, exitOK)
	next := listJSON(t, env, workspace)[0]
	modelstest.Equal(t, "prefix", got.stdout[:8], "sk_live_")
	modelstest.Equal[any](t, "scopes", next["scopes"], []any{})
	requireIn(t, next["expires_at"], time.Hour)
}

// The operator must learn of a key that no one has seen.
func TestRotateKeyReportsUnprintedKey(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("this system has no device that is always full: %v", err)
	}
	defer full.Close()
	var stderr strings.Builder
	code := run(context.Background(), []string{"keys", "rotate", id}, env, strings.NewReader(""), full, &stderr)
	next := listJSON(t, env, workspace)[0]["id"].(string)
	if code != exitFailed || !strings.Contains(stderr.String(), "created "+next+" but couldn't print it; delete it") {
		t.Errorf("exit code = %d, stderr = %s", code, &stderr)
	}
	requireNoSecrets(t, stderr.String())
}

func TestRotateKeyRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	tests := []struct {
		name string
		args []string
		code int
		text string
	}{
		{"missing key", []string{"key_1"}, exitRejected, "API key not found."},
		{"no id", nil, exitUsage, "specify the ID of one key"},
		{"more scopes", []string{id, "--scopes", "members.read"}, exitUsage, "--scopes can only include scopes that the key has"},
		{"unknown scope", []string{id, "--scopes", "seats"}, exitUsage, `unknown scope "seats"`},
		{"expires now", []string{id, "--expires-in", "0s"}, exitUsage, "--expires-in must be in the future"},
		{"both expiries", []string{id, "--expires-in", "1h", "--never-expires"}, exitUsage, "expires-in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			skipup(t, env, append([]string{"keys", "rotate"}, tt.args...)...).requireFailure(t, tt.code, tt.text)
			if keys := listJSON(t, env, workspace); len(keys) != 1 {
				t.Errorf("keys = %v, want only the old key", keys)
			}
		})
	}
	skipup(t, env, "keys", "rotate", id).requireCode(t, exitOK)
	skipup(t, env, "keys", "rotate", id).requireFailure(t, exitRejected, "already being rotated")
}
