package main

import (
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestMemberRoles(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	acme := newWorkspace(t, env)
	store := openTestStore(t, env)
	if _, err := store.AddMember(t.Context(), acme, models.NewMember{Email: "kim@acme.test"}); err != nil {
		t.Fatal(err)
	}
	modelstest.Contains(t, "list", skipup(t, env, "member", "list").stdout, "kim@acme.test", "viewer", "pending", "admin")
	skipup(t, env, "member", "set-role", "kim@acme.test", "member").requireFailure(t, exitUsage, "viewer, key-manager, admin")
	skipup(t, env, "member", "set-role", "nobody@acme.test", "admin").requireFailure(t, exitRejected, "skipup member list")
	skipup(t, env, "member", "set-role", "admin@acme.test", "viewer").requireFailure(t, exitRejected, "last admin")
	skipup(t, env, "member", "set-role", "kim@acme.test", "key-manager").requireCode(t, exitOK)
	modelstest.Contains(t, "list as JSON", skipup(t, env, "member", "list", "--json").stdout, `"role": "key-manager"`)
}
