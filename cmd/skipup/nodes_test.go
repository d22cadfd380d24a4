package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

func TestNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		empty := skipup(t, env, "nodes", "list")
		empty.requireCode(t, exitOK)
		modelstest.Equal(t, "output without nodes", empty.stdout, "No nodes are running.\n")
		store := openTestStore(t, env)
		started := time.Now().Truncate(time.Second)
		if _, err := store.RegisterNode(context.Background(), models.NewNode{Name: "web-1:8080", Version: "v1.2.3", StartedAt: started}); err != nil {
			t.Fatal(err)
		}
		text := skipup(t, env, "nodes", "list")
		text.requireCode(t, exitOK)
		for _, want := range []string{"NAME", "web-1:8080", "v1.2.3", formatTime(new(started.UTC()))} {
			if !strings.Contains(text.stdout, want) {
				t.Errorf("nodes list printed %q, want it to contain %q", text.stdout, want)
			}
		}
		asJSON := skipup(t, env, "nodes", "list", "--json")
		asJSON.requireCode(t, exitOK)
		var nodes []listedNode
		if err := json.Unmarshal([]byte(asJSON.stdout), &nodes); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "nodes", len(nodes), 1)
		modelstest.Equal(t, "name", nodes[0].Name, "web-1:8080")
		modelstest.Equal(t, "behind", nodes[0].Behind, 0)
		modelstest.Equal(t, "credential of a server", nodes[0].Credential, nil)
		finished := skipup(t, env, "nodes", "finish-upgrade")
		finished.requireCode(t, exitOK)
		modelstest.Equal(t, "output of finish-upgrade", finished.stdout, "The lease is 5s. A change to a key waits at most 5.25s, if a node doesn't confirm it.\n")
	})
}

func TestNodeTokens(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		none := skipup(t, env, "nodes", "token", "list")
		none.requireCode(t, exitOK)
		modelstest.Equal(t, "output without credentials", none.stdout, "There are no credentials. \"skipup nodes token create\" creates one.\n")
		workspace := newWorkspace(t, env)
		created := skipup(t, env, "nodes", "token", "create", "orders")
		created.requireCode(t, exitOK)
		if _, err := token.ParseNodeToken(strings.TrimSuffix(created.stdout, "\n")); err != nil {
			t.Errorf("nodes token create printed no credential: %v", err)
		}
		var limited createdNodeToken
		if err := json.Unmarshal([]byte(skipup(t, env, "nodes", "token", "create", "billing", "--workspace", workspace, "--json").stdout), &limited); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspace", limited.WorkspaceID, &workspace)
		skipup(t, env, "nodes", "token", "create", "orders").requireFailure(t, exitRejected, "Choose another name")
		skipup(t, env, "nodes", "token", "create", "two words").requireFailure(t, exitUsage, "letters, digits")
		skipup(t, env, "nodes", "token", "create").requireFailure(t, exitUsage, "enter the name")
		skipup(t, env, "nodes", "token", "create", "x", "--workspace", "ws_0").requireFailure(t, exitRejected, "Workspace not found")
		listed := func() (tokens []listedNodeToken) {
			t.Helper()
			list := skipup(t, env, "nodes", "token", "list", "--json")
			list.requireCode(t, exitOK)
			if err := json.Unmarshal([]byte(list.stdout), &tokens); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(list.stdout, limited.Token) {
				t.Error("nodes token list prints a credential")
			}
			return tokens
		}
		modelstest.Equal(t, "credentials", len(listed()), 2)
		revoked := skipup(t, env, "nodes", "token", "revoke", "orders")
		revoked.requireCode(t, exitOK)
		modelstest.Equal(t, "output of revoke", revoked.stdout, "Revoked. In effect on all nodes.\n")
		skipup(t, env, "nodes", "token", "revoke", "orders").requireFailure(t, exitRejected, "no such credential")
		modelstest.Equal(t, "first is revoked", listed()[0].RevokedAt != nil, true)
		text := skipup(t, env, "nodes", "token", "list")
		modelstest.Contains(t, "nodes token list", text.stdout, "NAME", "billing", workspace, "all")
	})
}

// The server registers under its name, and removes itself when it stops.
func TestServerIsANode(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	env["SKIPUP_NODE_NAME"] = "web-7"
	server := startProcess(t, env)
	server.waitUntilReady()
	store := openTestStore(t, env)
	nodes := func() []models.Node {
		nodes, err := store.Nodes(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return nodes
	}
	for len(nodes()) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	modelstest.Equal(t, "name", nodes()[0].Name, "web-7")
	server.stop()
	modelstest.Equal(t, "nodes after the stop", len(nodes()), 0)
	env["SKIPUP_NODE_NAME"] = "web 7"
	skipup(t, env, "serve").requireFailure(t, exitUsage)
}
