package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/webhook"
)

// patience is how long a condition may take before the test fails.
const patience = 30 * time.Second

// received is a request that a receiver got.
type received struct {
	header http.Header
	body   []byte
}

// receiver is an HTTP server that records requests.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []received
	atOnce   int
	mostOnce int
}

func newReceiver(t testing.TB, handle http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, received{request.Header.Clone(), body})
		r.atOnce++
		r.mostOnce = max(r.mostOnce, r.atOnce)
		r.mu.Unlock()
		handle(w, request)
		r.mu.Lock()
		r.atOnce--
		r.mu.Unlock()
	}))
	t.Cleanup(r.Close)
	return r
}

func ok(http.ResponseWriter, *http.Request) {}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hang returns a receiver that does not respond until the test ends.
func hang(t testing.TB) *receiver {
	t.Helper()
	over := make(chan struct{})
	r := newReceiver(t, func(_ http.ResponseWriter, request *http.Request) {
		select {
		case <-over:
		case <-request.Context().Done():
		}
	})
	t.Cleanup(func() { close(over) })
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// ids counts what was received by webhook-id.
func (r *receiver) ids() map[string]int {
	ids := map[string]int{}
	for _, got := range r.all() {
		ids[got.header.Get("Webhook-Id")]++
	}
	return ids
}

// await returns when condition holds.
func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// fixture is a Store with a workspace whose events are sent.
type fixture struct {
	*modelstest.Store
	workspace *models.Workspace
}

// each runs test on both databases. The clock is set to the current time, because signatures expire,
// and stands still.
func each(t *testing.T, test func(t *testing.T, f fixture)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) { test(t, newFixture(t, s)) })
}

func newFixture(t testing.TB, s *modelstest.Store) fixture {
	t.Helper()
	s.Clock.Advance(time.Since(modelstest.Start))
	return fixture{s, newWorkspace(t, s, "Acme")}
}

func newWorkspace(t testing.TB, s *modelstest.Store, name string) *models.Workspace {
	t.Helper()
	workspace, _ := s.NewWorkspace(t, name, name+"@acme.test")
	return workspace
}

// endpoint creates an endpoint for created keys at a URL that the Store would reject.
func (f fixture) endpoint(t testing.TB, address string) (*models.WebhookEndpoint, string) {
	t.Helper()
	return f.endpointOf(t, f.workspace, address)
}

func (f fixture) endpointOf(t testing.TB, workspace *models.Workspace, address string) (*models.WebhookEndpoint, string) {
	t.Helper()
	endpoint, secret, err := f.CreateWebhookEndpoint(t.Context(), workspace.ID, models.NewWebhookEndpoint{
		URL: "https://hooks.example.com", Events: []string{"api_key.created"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Exec(t, "UPDATE webhook_endpoints SET url = $1 WHERE id = $2", address, endpoint.ID)
	return endpoint, secret.Reveal()
}

// events creates keys, which publishes events.
func (f fixture) events(t testing.TB, count int) { f.eventsOf(t, f.workspace, count) }

func (f fixture) eventsOf(t testing.TB, workspace *models.Workspace, count int) {
	t.Helper()
	for i := range count {
		if _, _, err := f.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: fmt.Sprintf("Key %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// last returns the newest delivery to an endpoint.
func (f fixture) last(t testing.TB, endpoint *models.WebhookEndpoint) models.WebhookDelivery {
	t.Helper()
	list, err := f.WebhookDeliveries(t.Context(), f.workspace.ID, endpoint.ID, models.DeliveryFilter{}, models.Page{Limit: 1})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("newest delivery: %v", err)
	}
	return list.Items[0]
}

// recorded returns the number of deliveries to an endpoint, out of the newest 100, with a number of attempts.
func (f fixture) recorded(t testing.TB, endpointID string, attempts int) (count int) {
	t.Helper()
	list, err := f.WebhookDeliveries(t.Context(), f.workspace.ID, endpointID, models.DeliveryFilter{}, models.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, delivery := range list.Items {
		if delivery.Attempts == attempts {
			count++
		}
	}
	return count
}

// attempted waits for a number of attempts and returns the newest delivery to an endpoint.
func (f fixture) attempted(t testing.TB, endpoint *models.WebhookEndpoint, times int) models.WebhookDelivery {
	t.Helper()
	await(t, fmt.Sprintf("a delivery has been attempted %d times", times), func() bool { return f.last(t, endpoint).Attempts >= times })
	return f.last(t, endpoint)
}

// work runs a worker until stop is called or the test ends.
func (f fixture) work(t testing.TB, options webhook.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { webhook.New(f.Store.Store, options).Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// local is a worker that may send to the receivers of tests.
var local = webhook.Options{AllowPrivate: true}
