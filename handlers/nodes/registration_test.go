package nodes_test

import (
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
)

// The row of a registration is stored, but the node doesn't learn that. No change may wait for the row once the
// node has registered again.
func TestRegistrationWithoutAResponse(t *testing.T) {
	t.Run("of a node at a server", func(t *testing.T) {
		handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
			link := newNetwork(t, s.URL)
			source, err := remote.New(link.url(), credential(t, s, "orders", ""), remote.Options{})
			if err != nil {
				t.Fatal(err)
			}
			registerWithoutResponse(t, s, link, source)
		})
	})
	t.Run("of a node at the database", func(t *testing.T) {
		database := modelstest.NewPostgreSQL(t)
		address, err := url.Parse(database.URL)
		if err != nil {
			t.Fatal(err)
		}
		link := newNetwork(t, net.JoinHostPort(os.Getenv("PGHOST"), os.Getenv("PGPORT")))
		address.Host = link.listener.Addr().String()
		store, err := models.Open(address.String(), models.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		registerWithoutResponse(t, handlerstest.On(t, database), link, store)
	})
}

func registerWithoutResponse(t *testing.T, s *handlerstest.Server, link *network, source keyauth.Source) {
	t.Helper()
	setLease(t, s, 4*time.Second) // a poll may take a quarter of it
	registered := func() int {
		nodes, err := s.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(nodes)
	}
	others := registered()
	node := keyauth.New(source, keyauth.Options{Node: models.NewNode{Name: "orders-1", Version: "test", StartedAt: time.Now()}})
	poll := func() error { return node.Poll(t.Context()) }
	if err := poll(); err != nil { // so that the statement is prepared
		t.Fatal(err)
	}
	s.Exec(t, "DELETE FROM nodes WHERE name = 'orders-1'")
	_ = poll() // finds that out
	link.lose(faults{responses: true})
	if err := poll(); err == nil {
		t.Fatal("a registration without a response succeeds")
	}
	for registered() == others {
		time.Sleep(time.Millisecond)
	}
	link.lose(faults{})
	for deadline := time.Now().Add(time.Minute); poll() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the node doesn't register again")
		}
	}
	modelstest.Equal(t, "registered nodes", registered(), others+1)
	if !node.Ready() {
		t.Error("the node has no lease")
	}
}
