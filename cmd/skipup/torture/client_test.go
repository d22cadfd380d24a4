package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// house is three nodes on one database, and what it takes to ask them.
type house struct {
	t       *testing.T
	cluster *cluster
	nodes   []*node
	store   *models.Store // beside the nodes, and through no proxy
	id      string        // of the workspace
	admin   string        // the text of a key that may do everything
	client  *http.Client
	*history
}

// newHouse starts nodes of a build, each with env, on a database of their own.
func newHouse(t *testing.T, tags string, env ...string) *house {
	t.Helper()
	c := newCluster(t)
	binary := build(t, tags)
	store, err := models.Open(c.url(c.port), models.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := &house{t: t, cluster: c, store: store, history: newHistory(), client: &http.Client{
		Timeout: 4 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	h.settle()
	for n := range 3 {
		h.nodes = append(h.nodes, newNode(t, n, binary, c, env...))
	}
	for _, n := range h.nodes {
		n.awaitReady(20 * time.Second)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range h.nodes {
				t.Logf("node %d:\n%.4000s", n.number, n.logged())
			}
		}
	})
	return h
}

// settle makes the workspace and the key that the clients make keys with.
func (h *house) settle() {
	ctx := context.Background()
	if _, err := h.store.Migrate(ctx); err != nil {
		h.t.Fatal(err)
	}
	workspace, _, err := h.store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Torture", AdminEmail: "ada@example.com", AdminName: "Ada", Password: "a long enough passphrase",
	})
	if err != nil {
		h.t.Fatal(err)
	}
	_, secret, err := h.store.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Admin", Scopes: scope.All})
	if err != nil {
		h.t.Fatal(err)
	}
	h.id, h.admin = workspace.ID, secret.Reveal()
}

// key is a key that clients use.
type key struct {
	id, text string
	asked    atomic.Int64 // verifications so far, answered or not
	answered atomic.Int64
	busy     atomic.Bool // a change is on its way, or its outcome is not known
	deleted  atomic.Bool // the deletion was answered
	expires  int64
	now      state // after the last change that was answered; who made the key busy may change it
}

// scoped is what verifications ask for.
var scoped = scope.Of(scope.MeetingRequestsRead)

// create makes a key over the API of a node; nil if there was no answer, since then nobody
// knows its text.
func (h *house) create(n *node, expires time.Duration) *key {
	body := `{"name":"Torture","scopes":["meeting_requests.read"]`
	to := state{Alive: true, Scoped: true, Expires: never}
	if expires > 0 {
		at := time.Now().Add(expires).Truncate(time.Second).Add(time.Second)
		body += `,"expires_at":"` + at.UTC().Format(time.RFC3339) + `"`
		to.Expires = at.UnixMilli()
	}
	call := h.now()
	status, text := h.send(n, http.MethodPost, "/api/v1/api_keys", h.admin, body+"}")
	var made struct {
		Data struct{ ID, Key string }
	}
	if status != http.StatusCreated || json.Unmarshal([]byte(text), &made) != nil {
		return nil
	}
	k := &key{id: made.Data.ID, text: made.Data.Key, expires: to.Expires, now: to}
	h.change(k.id, to, call, done)
	return k
}

// verify asks a node with a key, for something that needs the scope and no database.
func (h *house) verify(n *node, k *key) (out answer, answered bool) {
	call, from := h.now(), time.Now().UnixMilli()
	k.asked.Add(1)
	status, text := h.send(n, http.MethodGet, "/api/v1/meeting_requests?limit=0", k.text, "")
	switch status {
	case http.StatusUnprocessableEntity:
		out = accepted
	case http.StatusForbidden:
		out = lacking
	case http.StatusUnauthorized:
		out = refused
	case 0, http.StatusServiceUnavailable:
		return "", false
	default:
		h.t.Errorf("node %d answers %d: %s", n.number, status, text)
		return "", false
	}
	k.answered.Add(1)
	h.verified(k.id, call, from, out)
	return out, true
}

// delete deletes a key over the API of a node. That it is not there any more is an answer too:
// then its deletion is in force.
func (h *house) delete(n *node, k *key) outcome {
	call := h.now()
	status, _ := h.send(n, http.MethodDelete, "/api/v1/api_keys/"+k.id, h.admin, "")
	came := unknown
	if status == http.StatusNoContent || status == http.StatusNotFound {
		came = done
		k.deleted.Store(true)
	}
	h.change(k.id, state{}, call, came)
	return came
}

// rescope gives a key the scope or takes it away, beside the nodes.
func (h *house) rescope(k *key, has bool) outcome {
	access, to := models.KeyAccess{}, k.now
	if to.Scoped = has; has {
		access.Scopes = scoped
	}
	if k.expires != never {
		at := time.UnixMilli(k.expires)
		access.ExpiresAt = &at
	}
	return h.alter(k, to, func(ctx context.Context) error {
		seen, err := h.store.APIKey(ctx, h.id, k.id)
		if err != nil {
			return err
		}
		_, err = h.store.ChangeAPIKeyAccess(ctx, h.id, k.id, seen.Access(), access)
		return err
	})
}

// pause pauses a key for longer than the test takes, or resumes one that is paused, beside the
// nodes.
func (h *house) pause(k *key) outcome {
	to := k.now
	to.Paused = !to.Paused
	return h.alter(k, to, func(ctx context.Context) (err error) {
		if to.Paused {
			_, err = h.store.PauseAPIKey(ctx, h.id, k.id, time.Now().Add(24*time.Hour).Truncate(time.Second))
		} else {
			_, err = h.store.ResumeAPIKey(ctx, h.id, k.id)
		}
		return err
	})
}

// alter makes a change after which a key is in another state. What the Store refuses, because
// the key has expired or is gone, has not happened.
func (h *house) alter(k *key, to state, change func(context.Context) error) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	call, came := h.now(), done
	refusal := new(models.Error)
	switch err := change(ctx); {
	case errors.As(err, &refusal):
		came = undone
	case err != nil:
		came = unknown
	default:
		k.now = to
	}
	h.change(k.id, to, call, came)
	return came
}

// send returns the status of the answer, 0 if there is none.
func (h *house) send(n *node, method, path, text, body string) (status int, answered string) {
	request, err := http.NewRequest(method, n.url()+path, strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return 0, ""
	}
	request.Header.Set("Authorization", "Bearer "+text)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := h.client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(read)
}

// stranger is a key that was never made.
func stranger() *key {
	return &key{id: fmt.Sprint("stranger ", time.Now().UnixNano()), text: token.New(token.Live).Reveal()}
}
