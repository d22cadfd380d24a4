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

// hooks is how much the test of webhooks does.
type hooks struct{ events, kills, restarts int }

// hooksOf is the whole of it with TORTURE_TIME, and what a test takes without.
func hooksOf() hooks {
	if os.Getenv("TORTURE_TIME") == "" {
		return hooks{events: 1500, kills: 4, restarts: 1}
	}
	return hooks{events: 10_000, kills: 20, restarts: 3}
}

var hookKey = []byte("an encryption key of 32 bytes ok")

// inbox is a receiver that counts what it has answered by webhook-id. Some answers take a while, so
// that a node is killed while it waits for one: then the event has not arrived, and has to come again.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	times  map[string]int
	bodies map[string]string
	differ int
	broken int // requests whose sender was gone before the answer
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	box := &inbox{times: map[string]int{}, bodies: map[string]string{}}
	box.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // broken off: it is sent again
		}
		if rand.IntN(4) == 0 {
			select {
			case <-time.After(time.Duration(rand.IntN(400)) * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		box.note(r.Header.Get("Webhook-Id"), string(body), r.Context().Err() == nil)
	}))
	t.Cleanup(box.Close)
	return box
}

func (box *inbox) note(id, body string, answered bool) {
	box.mu.Lock()
	defer box.mu.Unlock()
	if first := box.bodies[id]; first != "" && first != body {
		box.differ++
	}
	box.bodies[id] = body
	if answered {
		box.times[id]++
	} else {
		box.broken++
	}
}

// missing are those of ids that have not arrived.
func (box *inbox) missing(ids []string) (missing []string) {
	box.mu.Lock()
	defer box.mu.Unlock()
	for _, id := range ids {
		if box.times[id] == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// TestEveryEventArrives although nodes are killed and PostgreSQL is restarted: at least once, and
// what comes twice says so by its webhook-id.
func TestEveryEventArrives(t *testing.T) {
	plan := hooksOf()
	c := newCluster(t)
	env := []string{"SKIPUP_WEBHOOK_ALLOW_PRIVATE=true", "SKIPUP_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(hookKey)}
	binary := build(t, "")
	nodes := []*node{newNode(t, 0, binary, c, env...), newNode(t, 1, binary, c, env...)}
	store, err := models.Open(c.url(c.port), models.Options{
		Log: slog.New(slog.DiscardHandler), EncryptionKeys: [][]byte{hookKey}, AllowPrivateWebhooks: true,
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

	made := make(chan struct{}, plan.events)
	var working sync.WaitGroup
	working.Go(func() { makeEvents(t.Context(), store, workspace.ID, admin.User.Email, plan.events, made) })
	torment(t, c, nodes, plan, made)
	working.Wait()
	ids := eventsIn(t, c)
	if len(ids) < plan.events {
		t.Fatalf("%d events are made, want %d", len(ids), plan.events)
	}
	start := time.Now()
	// What a killed node had claimed is due again after the claim. Nothing else waits: the receiver
	// refuses nothing.
	for len(box.missing(ids)) > 0 && time.Since(start) < 2*models.WebhookClaim+30*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	if missing := box.missing(ids); len(missing) > 0 {
		t.Errorf("%d of %d events have not arrived, such as %s\n%s", len(missing), len(ids), missing[0], nodes[0].logged())
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	twice := 0
	for _, times := range box.times {
		if times > 1 {
			twice++
		}
	}
	if len(box.times) != len(ids) || box.differ > 0 {
		t.Errorf("%d different events have arrived, want %d; %d have come with another body", len(box.times), len(ids), box.differ)
	}
	t.Logf("%d events, %d kills and %d restarts: %d events arrived more than once, %d requests were broken off, the last %v after the end",
		len(ids), plan.kills, plan.restarts, twice, box.broken, time.Since(start).Round(time.Millisecond))
}

// torment kills nodes and restarts the database, evenly over the events.
func torment(t *testing.T, c *cluster, nodes []*node, plan hooks, made <-chan struct{}) {
	t.Helper()
	blows := plan.kills + plan.restarts
	for blow := range blows {
		for range plan.events / (blows + 1) {
			<-made
		}
		if (blow+1)*plan.restarts/blows > blow*plan.restarts/blows {
			c.restart(syscall.SIGINT)
			continue
		}
		n := nodes[blow%len(nodes)]
		n.kill()
		n.start()
	}
}

// makeEvents asks for meetings. Where the database gives no answer it asks again: then there may
// be one event more.
func makeEvents(ctx context.Context, store *models.Store, workspaceID, organizer string, count int, made chan<- struct{}) {
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
				made <- struct{}{}
			}
		})
	}
	workers.Wait()
}

func eventsIn(t *testing.T, c *cluster) []string {
	t.Helper()
	var ids string
	if err := c.query("SELECT string_agg(id, ' ') FROM events WHERE type = 'meeting_request.created'", &ids); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(ids)
}
