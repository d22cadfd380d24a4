package nodes_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// node is a process that reaches the database only through a server.
type node struct {
	*keyauth.Gate
	log  *handlerstest.Log
	stop func()
}

// credential creates a credential for the nodes of a workspace, or of all if it is empty.
func credential(t *testing.T, s *handlerstest.Server, name, workspace string) string {
	t.Helper()
	_, secret, err := s.CreateNodeToken(t.Context(), name, workspace)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

// startNode starts a node that asks the server at a URL, and waits until it holds a lease.
func startNode(t *testing.T, name, serverURL, credential string, transport http.RoundTripper) *node {
	t.Helper()
	log := &handlerstest.Log{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	source, err := remote.New(serverURL, credential, remote.Options{Log: logger, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{log: log, Gate: keyauth.NewGate(source, keyauth.GateOptions{
		Options: keyauth.Options{Log: logger, Node: models.NewNode{Name: name, Version: "test", StartedAt: time.Now()}},
	})}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	n.stop = func() { cancel(); running.Wait() }
	t.Cleanup(n.stop)
	n.awaitReady(t, true)
	return n
}

// awaitReady waits until the node holds a lease, or holds none.
func (n *node) awaitReady(t *testing.T, want bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); n.Ready() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("ready = %t, want %t\n%s", !want, want, n.log)
		}
	}
}

// verify returns the error for a request with a key.
func (n *node) verify(key string) error {
	return n.Admit(context.Background(), &keyauth.Request{Header: http.Header{"Authorization": {"Bearer " + key}}}, http.Header{})
}

func (n *node) wantAccepted(t *testing.T, when, key string) {
	t.Helper()
	if err := n.verify(key); err != nil {
		t.Errorf("%s: error = %v, want none", when, err)
	}
}

// wantStatus checks that the node rejects a key because of its status.
func (n *node) wantStatus(t *testing.T, when, key string, want models.KeyStatus) {
	t.Helper()
	inactive := new(keyauth.InactiveError)
	if err := n.verify(key); !errors.As(err, &inactive) {
		t.Errorf("%s: error = %v, want an InactiveError", when, err)
		return
	}
	modelstest.Equal(t, when, inactive.Status, want)
}

func (n *node) wantUnavailable(t *testing.T, when, key string) {
	t.Helper()
	unavailable := new(keyauth.UnavailableError)
	if err := n.verify(key); !errors.As(err, &unavailable) {
		t.Errorf("%s: error = %v, want an UnavailableError", when, err)
	}
}

// newKey creates a key, and returns its row and text.
func newKey(t *testing.T, s *handlerstest.Server, n models.NewAPIKey) (*models.APIKey, string) {
	t.Helper()
	n.Name = "CI"
	key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

func deleteKey(t *testing.T, s *handlerstest.Server, key *models.APIKey) models.DeletionReceipt {
	t.Helper()
	deleted, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation)
	if err != nil {
		t.Fatal(err)
	}
	receipt, _ := deleted.DeletionReceipt()
	return receipt
}

func setLease(t *testing.T, s *handlerstest.Server, lease time.Duration) {
	t.Helper()
	s.Exec(t, fmt.Sprintf("UPDATE revocation SET node_lease_ms = %[1]d, node_wait_ms = %[1]d", lease.Milliseconds()))
}

// Three servers and two nodes, each at another server.
func TestDeletionIsInEffectOnNodes(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, first *handlerstest.Server) {
		setLease(t, first, time.Minute)
		servers := []*handlerstest.Server{first, first.AnotherNode(t), first.AnotherNode(t)}
		text := credential(t, first, "orders", "")
		nodes := []*node{startNode(t, "orders-1", servers[1].URL, text, nil), startNode(t, "orders-2", servers[2].URL, text, nil)}
		for round := range 5 {
			key, secret := newKey(t, first, models.NewAPIKey{})
			for _, n := range nodes {
				n.wantAccepted(t, "before the deletion", secret)
			}
			start := time.Now()
			receipt := deleteKey(t, servers[round%3], key)
			if took := time.Since(start); took >= time.Minute {
				t.Errorf("the deletion took %v, want less than a lease", took)
			}
			modelstest.Equal(t, "nodes that confirmed it", receipt.Nodes, new(5))
			for _, n := range nodes {
				n.wantStatus(t, "after the deletion", secret, models.KeyDeleted)
			}
		}
	})
}

// While the network is cut, the node answers from memory until its lease ends. The change waits for that.
func TestNodeWithoutNetwork(t *testing.T) {
	for name, lost := range map[string]faults{
		"nothing arrives":     {requests: true, responses: true},
		"no requests arrive":  {requests: true},
		"no responses arrive": {responses: true},
	} {
		t.Run(name, func(t *testing.T) {
			handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
				const lease = 600 * time.Millisecond
				setLease(t, s, lease)
				link := newNetwork(t, s.URL)
				n := startNode(t, "orders-1", link.url(), credential(t, s, "orders", ""), nil)
				doomed, secret := newKey(t, s, models.NewAPIKey{})
				_, other := newKey(t, s, models.NewAPIKey{})
				n.wantAccepted(t, "before the outage", secret)
				n.wantAccepted(t, "before the outage", other)
				link.lose(lost)
				start := time.Now()
				receipt := deleteKey(t, s, doomed)
				if n.Ready() {
					t.Error("the node holds a lease after the deletion has returned")
				}
				if took := time.Since(start); took < lease {
					t.Errorf("the deletion took %v, want at least a lease", took)
				}
				modelstest.Equal(t, "silent nodes", receipt.SilentNodes, []string{"orders-1"})
				n.wantUnavailable(t, "after the lease has ended", secret)
				n.wantUnavailable(t, "after the lease has ended", other)
				link.lose(faults{})
				n.awaitReady(t, true)
				n.wantStatus(t, "after the outage", secret, models.KeyDeleted)
				n.wantAccepted(t, "after the outage", other)
			})
		})
	}
}

func TestNodeVerifiesFromMemoryDuringAnOutage(t *testing.T) {
	s := handlerstest.New(t)
	setLease(t, s, time.Minute)
	link := newNetwork(t, s.URL)
	n := startNode(t, "orders-1", link.url(), credential(t, s, "orders", ""), nil)
	_, secret := newKey(t, s, models.NewAPIKey{})
	_, unused := newKey(t, s, models.NewAPIKey{})
	n.wantAccepted(t, "before the outage", secret)
	link.lose(faults{requests: true, responses: true})
	n.wantAccepted(t, "during the outage", secret)
	n.wantUnavailable(t, "key that isn't in memory", unused)
	link.lose(faults{})
}

// transport lets a test delay requests.
type transport struct {
	before, after func(path string)
}

func (p transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.before != nil {
		p.before(r.URL.Path)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if p.after != nil {
		p.after(r.URL.Path)
	}
	return response, err
}

// The process is stopped for longer than a lease, at each point of a poll.
func TestNodeStoppedForLongerThanItsLease(t *testing.T) {
	for name, path := range map[string]string{"with the changes": wire.Changes, "with the acknowledgment": wire.Acknowledge} {
		t.Run(name, func(t *testing.T) {
			handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
				setLease(t, s, 300*time.Millisecond)
				var mu sync.Mutex
				stopAt, stopped, resume := "", make(chan struct{}), make(chan struct{})
				pause := func(at string) {
					mu.Lock()
					stops := stopAt != "" && strings.HasSuffix(at, stopAt)
					if stops {
						stopAt = ""
					}
					mu.Unlock()
					if stops {
						close(stopped)
						<-resume
					}
				}
				when := transport{after: pause}
				if path == wire.Acknowledge {
					when = transport{before: pause}
				}
				n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), when)
				key, secret := newKey(t, s, models.NewAPIKey{})
				n.wantAccepted(t, "before the stop", secret)
				mu.Lock()
				stopAt = path
				mu.Unlock()
				deleted := make(chan models.DeletionReceipt, 1)
				go func() { deleted <- deleteKey(t, s, key) }()
				<-stopped
				receipt := <-deleted
				if err := n.verify(secret); err == nil {
					t.Error("the key is accepted while the node is stopped")
				}
				close(resume)
				for range 1000 {
					if err := n.verify(secret); err == nil {
						t.Fatal("the key is accepted after the node went on")
					}
				}
				n.awaitReady(t, true)
				n.wantStatus(t, "after the node registered again", secret, models.KeyDeleted)
				if path == wire.Acknowledge {
					modelstest.Equal(t, "silent nodes", receipt.SilentNodes, []string{"orders-1"})
				}
			})
		})
	}
}

func TestStoppedNodeRemovesItself(t *testing.T) {
	s := handlerstest.New(t)
	setLease(t, s, time.Minute)
	n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
	n.stop()
	key, _ := newKey(t, s, models.NewAPIKey{})
	modelstest.Equal(t, "nodes", deleteKey(t, s, key).Nodes, new(1))
}

func TestRevokedCredential(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		setLease(t, s, 300*time.Millisecond)
		text := credential(t, s, "orders", "")
		n := startNode(t, "orders-1", s.URL, text, nil)
		_, secret := newKey(t, s, models.NewAPIKey{})
		n.wantAccepted(t, "before the revocation", secret)
		if _, err := s.RevokeNodeToken(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		n.wantUnavailable(t, "after the revocation", secret)
		for _, path := range paths {
			send(t, s, path, text, "{}").Want(t, http.StatusUnauthorized, "Invalid or missing node credential")
		}
		modelstest.Contains(t, "log of the node", n.log.String(), "rejects the credential of this node")
		nodes, err := s.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, registered := range nodes {
			modelstest.Equal(t, "credential of a registered node", registered.TokenID, "")
		}
	})
}

var paths = []string{wire.Register, wire.Changes, wire.Acknowledge, wire.Remove, wire.LookUp, wire.Usage}

// send sends a request to a path of the protocol.
func send(t *testing.T, s *handlerstest.Server, path, credential, body string) handlerstest.Response {
	t.Helper()
	request := s.Request(t, http.MethodPost, wire.Prefix+path, body)
	request.Header.Set("Content-Type", "application/json")
	if credential != "" {
		request.Header.Set("Authorization", "Bearer "+credential)
	}
	return handlerstest.Send(t, http.DefaultClient, request)
}

// What someone with a stolen credential can't do.
func TestStolenCredential(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		stolen := credential(t, s, "orders", s.Workspace.ID)
		key, secret := newKey(t, s, models.NewAPIKey{Scopes: scope.All})
		t.Run("use the API", func(t *testing.T) {
			s.Want(t, http.StatusUnauthorized, stolen, "GET", "/me", "")
		})
		t.Run("ask with an API key", func(t *testing.T) {
			for _, path := range paths {
				send(t, s, path, secret, "{}").Want(t, http.StatusUnauthorized)
				send(t, s, path, "", "{}").Want(t, http.StatusUnauthorized)
				send(t, s, path, token.NewNodeToken().Reveal(), "{}").Want(t, http.StatusUnauthorized)
			}
		})
		t.Run("learn digests from changes", func(t *testing.T) {
			registered := send(t, s, wire.Register, stolen, `{"name":"thief","version":"1","started_at":"2026-03-14T09:26:53Z"}`)
			registered.Want(t, http.StatusOK)
			var id wire.NodeRequest
			if err := json.Unmarshal([]byte(registered.Body), &id); err != nil {
				t.Fatal(err)
			}
			request := func(known wire.State) string {
				text, err := json.Marshal(wire.ChangesRequest{NodeID: id.NodeID, Known: known})
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			var before wire.ChangesResponse
			if err := json.Unmarshal([]byte(send(t, s, wire.Changes, stolen, request(wire.State{Epoch: -1})).Body), &before); err != nil {
				t.Fatal(err)
			}
			deleteKey(t, s, key)
			send(t, s, wire.Changes, stolen, request(before.State)).Want(t, http.StatusGone, wire.NodeRemoved) // it didn't confirm the change
			digest := hex.EncodeToString(key.Digest[:])
			send(t, s, wire.LookUp, stolen, `{"digest":"`+digest[:32]+`"}`).Want(t, http.StatusUnprocessableEntity)
			response := send(t, s, wire.LookUp, stolen, `{"digest":"`+digest+`"}`)
			response.Want(t, http.StatusOK, key.ID)
			response.WantWithout(t, "CI", key.KeyPrefix)
		})
		t.Run("send other bodies", func(t *testing.T) {
			for body, status := range map[string]int{
				"": http.StatusBadRequest, "null": http.StatusUnprocessableEntity, `{"digest":1}`: http.StatusUnprocessableEntity,
				`{"digest":"","more":1}`: http.StatusUnprocessableEntity, `{"digest":"` + strings.Repeat("a", 65<<10) + `"}`: http.StatusRequestEntityTooLarge,
			} {
				send(t, s, wire.LookUp, stolen, body).Want(t, status)
			}
			send(t, s, wire.Usage, stolen, `{"id":"`+strings.Repeat("a", wire.MaxUsageBody)+`"}`).Want(t, http.StatusRequestEntityTooLarge, "larger than 8192 KiB")
			send(t, s, wire.Changes, stolen, `{"node_id":"\u0000","known":{"epoch":1,"change_id":"\u0000"},"scopes":"","wait_ms":-1}`).Want(t, http.StatusGone)
		})
	})
}

func TestNodeReportsUsage(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
		key, secret := newKey(t, s, models.NewAPIKey{})
		request := keyauth.Request{Address: "192.0.2.7", Header: http.Header{"Authorization": {"Bearer " + secret}, "User-Agent": {"shop/1.0"}}}
		if err := n.Admit(t.Context(), &request, http.Header{}); err != nil {
			t.Fatal(err)
		}
		request.Route = n.NewRoute("GET /orders", "orders.read")
		n.Count(&request, http.StatusOK, nil)
		n.Flush(t.Context())
		report, err := s.UsageReport(t.Context(), s.Workspace.ID, key.ID, usage.LastHours(s.Clock.Now(), 24))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "requests", report.Ever(), 1)
		modelstest.Equal(t, "route", report.Uses[0].Route, "GET /orders")
		modelstest.Equal(t, "address", report.Uses[0].LastAddress, "192.0.2.7")
		modelstest.Equal(t, "user agent", report.Uses[0].LastUserAgent, "shop/1.0")
	})
}

// Nodes follow the server's clock, which differs from theirs by months in tests.
func TestKeysExpireByTheClockOfTheServer(t *testing.T) {
	s := handlerstest.New(t)
	n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
	at := s.Clock.Now().Add(time.Hour)
	_, secret := newKey(t, s, models.NewAPIKey{ExpiresAt: &at})
	n.wantAccepted(t, "before the expiry", secret)
	s.Clock.Advance(2 * time.Hour)
	for deadline := time.Now().Add(time.Minute); n.verify(secret) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the key is accepted after its expiry")
		}
	}
	n.wantStatus(t, "after the expiry", secret, models.KeyExpired)
}

// A node enforces the limit that a key has of its own, and follows changes to it at once.
func TestNodeLimitsKeys(t *testing.T) {
	s := handlerstest.New(t)
	n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
	key, secret := newKey(t, s, models.NewAPIKey{RateLimit: 1})
	n.wantAccepted(t, "first request", secret)
	if err := n.verify(secret); !models.IsKind(err, models.RateLimited) {
		t.Errorf("second request: error = %v, want a rate limit", err)
	}
	if _, err := s.UpdateAPIKey(t.Context(), key.WorkspaceID, key.ID, models.KeyUpdate{RateLimit: models.To(2)}); err != nil {
		t.Fatal(err)
	}
	n.wantAccepted(t, "with a higher limit", secret)
}

func TestNodeKnowsScopesOnceTheyAreApplied(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		setLease(t, s, time.Minute)
		n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
		if _, known := n.Scopes().Parse("orders.read"); known {
			t.Fatal("the scope is known before it is applied")
		}
		s.ApplyScopesFile(t, "resources:\n  - name: orders\n    label: Orders\n    scopes:\n      - {name: orders.read, label: Read, help: List orders}\n")
		read, known := n.Scopes().Parse("orders.read")
		if !known {
			t.Fatal("the scope is unknown after it was applied")
		}
		_, secret := newKey(t, s, models.NewAPIKey{Scopes: scope.Of(read)})
		request := keyauth.Request{Header: http.Header{"Authorization": {"Bearer " + secret}}}
		if err := n.Admit(t.Context(), &request, http.Header{}); err != nil {
			t.Fatal(err)
		}
		if err := request.Key.Require(scope.Of(read), n.Scopes()); err != nil {
			t.Error(err)
		}
		if err := request.Key.Require(scope.Of(scope.SeatsRead), n.Scopes()); err == nil {
			t.Error("the key has a scope that it doesn't hold")
		}
	})
}

// The node never sends the text of a key.
func TestNodeSendsOnlyDigests(t *testing.T) {
	s := handlerstest.New(t)
	var mu sync.Mutex
	var sent bytes.Buffer
	n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), recording{&mu, &sent})
	_, secret := newKey(t, s, models.NewAPIKey{})
	request := keyauth.Request{Header: http.Header{"Authorization": {"Bearer " + secret}, "User-Agent": {"shop"}}}
	if err := n.Admit(t.Context(), &request, http.Header{}); err != nil {
		t.Fatal(err)
	}
	n.Count(&request, http.StatusOK, nil)
	n.Flush(t.Context())
	mu.Lock()
	defer mu.Unlock()
	digest := token.SecretOf(secret).Digest()
	modelstest.Contains(t, "requests", sent.String(), hex.EncodeToString(digest[:]), `"user_agent":"shop"`)
	if strings.Contains(sent.String(), secret[8:]) {
		t.Error("a request contains the key")
	}
}

// recording stores the bodies of requests.
type recording struct {
	mu   *sync.Mutex
	sent *bytes.Buffer
}

func (r recording) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.sent.Write(body)
	r.mu.Unlock()
	request.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(request)
}
