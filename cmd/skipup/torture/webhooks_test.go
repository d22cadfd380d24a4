package torture

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// webhookPlan sets the size of the webhook test.
type webhookPlan struct{ events, kills, restarts int }

// newWebhookPlan returns a larger plan if TORTURE_TIME is set.
func newWebhookPlan() webhookPlan {
	if os.Getenv("TORTURE_TIME") == "" {
		return webhookPlan{events: 1000, kills: 3, restarts: 1}
	}
	return webhookPlan{events: 10_000, kills: 20, restarts: 3}
}

var encryptionKey = []byte("an encryption key of 32 bytes ok")

// inbox receives webhooks and counts them by their webhook-id. Some responses are slow, so that nodes
// are killed while they wait for one. Such an event counts as not received, and must be sent again.
type inbox struct {
	*httptest.Server
	mu          sync.Mutex
	received    map[string]int
	bodies      map[string]string
	different   int // requests with the ID of an earlier one and another body
	interrupted int // requests whose sender was gone before the response
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	box := &inbox{received: map[string]int{}, bodies: map[string]string{}}
	box.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // interrupted: the event is sent again
		}
		if rand.IntN(4) == 0 {
			select {
			case <-time.After(time.Duration(rand.IntN(400)) * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		box.add(r.Header.Get("Webhook-Id"), string(body), r.Context().Err() == nil)
	}))
	t.Cleanup(box.Close)
	return box
}

func (box *inbox) add(id, body string, complete bool) {
	box.mu.Lock()
	defer box.mu.Unlock()
	if first := box.bodies[id]; first != "" && first != body {
		box.different++
	}
	box.bodies[id] = body
	if complete {
		box.received[id]++
	} else {
		box.interrupted++
	}
}

// missing returns the IDs that have not been received.
func (box *inbox) missing(ids []string) (missing []string) {
	box.mu.Lock()
	defer box.mu.Unlock()
	for _, id := range ids {
		if box.received[id] == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// TestEveryEventIsDelivered checks that every event is delivered at least once although nodes are
// killed and PostgreSQL restarts, and that repeated deliveries have the same webhook-id and body.
func TestEveryEventIsDelivered(t *testing.T) {
	t.Parallel()
	plan := newWebhookPlan()
	p := startPostgres(t)
	env := []string{"SKIPUP_WEBHOOK_ALLOW_PRIVATE=true", "SKIPUP_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(encryptionKey)}
	binary := build(t, skipup, "skipup")
	nodes := []*node{startServer(t, 0, binary, p, "postgres", env...), startServer(t, 1, binary, p, "postgres", env...)}
	store, err := models.Open(p.url("postgres", p.port), models.Options{
		Log: slog.New(slog.DiscardHandler), EncryptionKeys: [][]byte{encryptionKey}, AllowPrivateWebhooks: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	workspace, admin, err := store.CreateWorkspace(t.Context(), models.NewWorkspace{
		Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: "a long enough passphrase",
	})
	if err != nil {
		t.Fatal(err)
	}
	box := newInbox(t)
	if _, _, err := store.CreateWebhookEndpoint(t.Context(), workspace.ID, models.NewWebhookEndpoint{URL: box.URL, Events: []string{"meeting_request.created"}}); err != nil {
		t.Fatal(err)
	}

	created := make(chan struct{}, plan.events)
	var creating sync.WaitGroup
	creating.Go(func() { createEvents(t.Context(), store, workspace.ID, admin.User.Email, plan.events, created) })
	disrupt(p, nodes, plan, created)
	creating.Wait()
	ids := eventIDs(t, p)
	if len(ids) < plan.events {
		t.Fatalf("events created = %d, want %d", len(ids), plan.events)
	}
	// An event that a killed node has claimed is due again when the claim ends.
	start := time.Now()
	for len(box.missing(ids)) > 0 && time.Since(start) < 2*models.WebhookClaim+patience {
		time.Sleep(20 * time.Millisecond)
	}
	if missing := box.missing(ids); len(missing) > 0 {
		t.Errorf("%d of %d events were not delivered, for example %s\n%s", len(missing), len(ids), missing[0], nodes[0].logged())
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	repeated := 0
	for _, count := range box.received {
		if count > 1 {
			repeated++
		}
	}
	if len(box.received) != len(ids) {
		t.Errorf("different events delivered = %d, want %d", len(box.received), len(ids))
	}
	if box.different > 0 {
		t.Errorf("events delivered again with another body = %d, want 0", box.different)
	}
	t.Logf("%d events, %d kills, %d restarts: %d events delivered more than once, %d requests interrupted, the last delivery %v after the last event",
		len(ids), plan.kills, plan.restarts, repeated, box.interrupted, time.Since(start).Round(time.Millisecond))
}

// disrupt kills nodes and restarts the database, spread evenly over the events.
func disrupt(p *postgres, nodes []*node, plan webhookPlan, created <-chan struct{}) {
	count := plan.kills + plan.restarts
	for i := range count {
		for range plan.events / (count + 1) {
			<-created
		}
		if (i+1)*plan.restarts/count > i*plan.restarts/count {
			p.restart(syscall.SIGINT)
			continue
		}
		n := nodes[i%len(nodes)]
		n.kill()
		n.start()
	}
}

// createEvents creates meeting requests, four at a time. It retries if the database doesn't respond,
// so there may be more events than asked for.
func createEvents(ctx context.Context, store *models.Store, workspaceID, organizer string, count int, created chan<- struct{}) {
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := w; i < count && ctx.Err() == nil; i += 4 {
				for ctx.Err() == nil {
					_, err := store.CreateMeetingRequest(ctx, workspaceID, models.NewMeetingRequest{
						OrganizerEmail: organizer, ParticipantEmails: []string{fmt.Sprintf("p%d@example.com", i)},
					})
					if err == nil {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				created <- struct{}{}
			}
		})
	}
	workers.Wait()
}

func eventIDs(t *testing.T, p *postgres) []string {
	t.Helper()
	var ids string
	if err := p.query("SELECT string_agg(id, ' ') FROM events WHERE type = 'meeting_request.created'", &ids); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(ids)
}
