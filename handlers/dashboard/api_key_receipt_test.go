package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
)

// A reload of the page during the deletion of a key shows which nodes it waits for.
func TestReceiptNamesTheNodesThatADeletionWaitsFor(t *testing.T) {
	s := handlerstest.New(t)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
	silent, err := s.RegisterNode(t.Context(), models.NewNode{Name: "web-2", StartedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	deleted := make(chan error, 1)
	go func() {
		_, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation)
		deleted <- err
	}()
	b := s.SignedIn(t, handlerstest.AdminEmail)
	page := func() string { return b.Get(listPath + "/" + key.ID).Body }
	for start := time.Now(); !strings.Contains(page(), "Waiting for web-2"); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("the page doesn't name the node: %s", page())
		}
	}
	select {
	case err := <-deleted:
		t.Fatalf("the deletion returned %v before the node had confirmed it", err)
	default:
	}
	changes, err := s.KeyChanges(t.Context(), silent, models.UnknownKeys)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AcknowledgeKeyChanges(t.Context(), silent, changes.State); err != nil {
		t.Fatal(err)
	}
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
	if body := page(); !strings.Contains(body, "Confirmed by 2 of 2 nodes.") {
		t.Errorf("the receipt doesn't say which nodes confirmed the deletion: %s", body)
	}
}
