package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/webhook"
)

const webhooksPath = "/settings/webhooks"

var webhookSecret = regexp.MustCompile(`whsec_[0-9A-Za-z+/]{43}=`)

var webhookForm = url.Values{"url": {"https://hooks.example.com/skipup"}, "description": {"CRM <sync>"}, "events": {"seat.assigned", "api_key.created"}}

// endpointsOf returns the endpoints of the workspace, newest first.
func endpointsOf(t *testing.T, s *handlerstest.Server) []models.WebhookEndpoint {
	t.Helper()
	page, err := s.WebhookEndpoints(t.Context(), s.Workspace.ID, models.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// newEndpoint adds an endpoint in the browser and returns its ID and its signing secret.
func newEndpoint(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser) (id, secret string) {
	t.Helper()
	made := b.Post(webhooksPath, webhookForm)
	if made.Status != http.StatusCreated {
		t.Fatalf("create: status = %d, want 201\n%s", made.Status, made.Body)
	}
	return endpointsOf(t, s)[0].ID, shownSecret(t, made)
}

func shownSecret(t *testing.T, page handlerstest.Response) string {
	t.Helper()
	return document(t, page).Find("#secret").AttrOr("value", "")
}

// webhookReceiver is a server that responds with a configurable status.
type webhookReceiver struct {
	*httptest.Server
	status atomic.Int64
	mu     sync.Mutex
	header http.Header // of the last request
	body   []byte
	got    int // requests
}

// count returns the number of requests.
func (r *webhookReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func newWebhookReceiver(t *testing.T) *webhookReceiver {
	t.Helper()
	r := &webhookReceiver{}
	r.status.Store(http.StatusOK)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.header, r.body = request.Header.Clone(), body
		r.got++
		r.mu.Unlock()
		w.WriteHeader(int(r.status.Load()))
		fmt.Fprintf(w, "<i>status %d</i>", r.status.Load())
	}))
	t.Cleanup(r.Close)
	return r
}

// verify verifies the last request with the Standard Webhooks library.
func (r *webhookReceiver) verify(t *testing.T, secret string) error {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return hook.VerifyIgnoringTimestamp(r.body, r.header)
}

// sendWebhooks sends due deliveries, to any host, until the test ends.
func sendWebhooks(t *testing.T, s *handlerstest.Server) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { webhook.New(s.Store.Store, webhook.Options{AllowPrivate: true}).Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

// delivered returns the page of an endpoint once its latest delivery shows text.
func delivered(t *testing.T, b *handlerstest.Browser, id, text string) handlerstest.Response {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		page := b.Get(webhooksPath + "/" + id)
		got := strings.Join(strings.Fields(document(t, page).Find("#deliveries .delivery").First().Text()), " ")
		if strings.Contains(got, text) {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("latest delivery = %q, want it to contain %q", got, text)
		}
	}
}

// TestWebhookEndpoint adds, edits, disables, enables, rotates and deletes an endpoint.
func TestWebhookEndpoint(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		b.Get(webhooksPath).Want(t, http.StatusOK, "Add your first endpoint")
		created := b.Post(webhooksPath, webhookForm)
		created.Want(t, http.StatusCreated)
		created.WantHeader(t, "Cache-Control", "no-store")
		secret := shownSecret(t, created)
		if !webhookSecret.MatchString(secret) {
			t.Fatalf("signing secret = %q", secret)
		}
		id := endpointsOf(t, s)[0].ID
		address := webhooksPath + "/" + id
		for _, page := range []string{webhooksPath, address, address + "/edit", address + "/secret"} {
			got := b.Get(page)
			got.Want(t, http.StatusOK, "hooks.example.com")
			got.WantWithout(t, "CRM <sync>")
			if webhookSecret.MatchString(got.Body) {
				t.Errorf("%s shows a signing secret", page)
			}
		}
		if got := document(t, b.Get(address)); !strings.Contains(got.Find("#endpoint header").Text(), "CRM <sync>") || !strings.Contains(got.Find("section[aria-labelledby=history]").Text(), "created") {
			t.Error("the page lacks the description or the history")
		}
		form := document(t, b.Get(address+"/edit")).Find("#panel")
		if got := form.Find("#field-description").AttrOr("value", ""); got != "CRM <sync>" {
			t.Errorf("description in the form = %q, want %q", got, "CRM <sync>")
		}
		if got := form.Find("input[name=events][checked]").Length(); got != 2 {
			t.Errorf("checked events in the form = %d, want 2", got)
		}
		done := func(response handlerstest.Response, location, message string) {
			t.Helper()
			if response.Status != http.StatusSeeOther {
				t.Errorf("status = %d, want 303", response.Status)
			}
			if got := response.Location(); got != location {
				t.Errorf("Location = %q, want %q", got, location)
			}
			if got := notice(t, b, response); got != message {
				t.Errorf("notice = %q, want %q", got, message)
			}
		}

		edited := url.Values{"url": {"https://hooks.example.com/other"}, "description": {""}, "events": {"member.added"}}
		done(b.Post(address, edited), address, "Endpoint updated")
		endpoint := endpointsOf(t, s)[0]
		modelstest.Equal(t, "URL", endpoint.URL, "https://hooks.example.com/other")
		modelstest.Equal(t, "Description", endpoint.Description, nil)
		modelstest.Equal(t, "Events", endpoint.Events.String(), "member.added")

		if done(b.Post(address+"/disable", nil), address, "Endpoint disabled"); endpointsOf(t, s)[0].Enabled() {
			t.Error("endpoint is enabled, want disabled")
		}
		page := b.Get(address)
		if !strings.Contains(page.Body, "This endpoint is disabled") || document(t, page).Find("#ping").Length() != 0 {
			t.Error("page of a disabled endpoint lacks the notice or offers a ping")
		}
		wantAlert(t, b.Post(address+"/ping", nil), "Enable it first")
		if done(b.Post(address+"/enable", nil), address, "Endpoint enabled. Sending pending deliveries."); !endpointsOf(t, s)[0].Enabled() {
			t.Error("endpoint is disabled, want enabled")
		}

		rotated := b.Post(address+"/secret", nil)
		rotated.Want(t, http.StatusCreated, "For 24 hours")
		next := shownSecret(t, rotated)
		if !webhookSecret.MatchString(next) {
			t.Errorf("new signing secret = %q", next)
		}
		if next == secret {
			t.Error("the signing secret didn't change")
		}
		for range 3 {
			rotated = b.Post(address+"/secret", nil)
		}
		if rotated.Status != http.StatusCreated {
			t.Errorf("fourth rotation: status = %d, want 201", rotated.Status)
		}
		rejected := b.Post(address+"/secret", nil)
		wantAlert(t, rejected, "The secret was rotated 4 times within 24 hours.")
		if webhookSecret.MatchString(rejected.Body) {
			t.Error("rejected rotation: the page has a secret")
		}
		if done(b.Post(address+"/delete", nil), webhooksPath, "Endpoint hooks.example.com/other deleted"); len(endpointsOf(t, s)) != 0 {
			t.Error("endpoint still exists, want it deleted")
		}
		if got := b.Get(address); got.Status != http.StatusNotFound {
			t.Errorf("page of the deleted endpoint: status = %d, want 404", got.Status)
		}
		if log, tables := s.Log.String(), s.Dump(t); webhookSecret.MatchString(log) || webhookSecret.MatchString(tables) {
			t.Error("the log or a table contains a secret")
		}
	})
}

func TestDeletingAWebhookEndpointInUseAsksForItsHost(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Post(webhooksPath, url.Values{"url": {"https://hooks.example.com/in"}, "events": {"member.added"}})
	address := webhooksPath + "/" + endpointsOf(t, s)[0].ID + "/delete"
	if got := document(t, b.Get(address)).Find(`input[name="confirm_name"]`).Length(); got != 0 {
		t.Errorf("fields for the host of an unused endpoint = %d, want 0", got)
	}
	invite(t, b, "mel@acme.test") // adds a pending delivery
	if got, want := document(t, b.Get(address)).Find("label bdi").Text(), "hooks.example.com"; got != want {
		t.Errorf("name to enter = %q, want %q", got, want)
	}
	wrong := b.Post(address, url.Values{"confirm_name": {"example.com"}})
	if wrong.Status != http.StatusUnprocessableEntity {
		t.Errorf("wrong host: status = %d, want 422", wrong.Status)
	}
	if got, want := errorOf(document(t, wrong), "confirm_name"), "The name doesn’t match. Enter the name as shown."; got != want {
		t.Errorf("wrong host: error = %q, want %q", got, want)
	}
	if got := document(t, wrong).Find(`input[name="confirm_name"]`).AttrOr("value", ""); got != "example.com" {
		t.Errorf("wrong host: value = %q, want %q", got, "example.com")
	}
	if got := len(endpointsOf(t, s)); got != 1 {
		t.Errorf("endpoints after a wrong host = %d, want 1", got)
	}
	if right := b.Post(address, url.Values{"confirm_name": {" hooks.example.com "}}); right.Status != http.StatusSeeOther {
		t.Errorf("right host: status = %d, want 303", right.Status)
	}
	if got := len(endpointsOf(t, s)); got != 0 {
		t.Errorf("endpoints after the deletion = %d, want 0", got)
	}
}

// TestWebhookFormErrors checks that errors keep the values entered and change nothing.
func TestWebhookFormErrors(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newEndpoint(t, s, b)
		before := s.Dump(t)
		tests := []struct {
			name, url string
			events    []string
			message   string
		}{
			{"no URL", "", []string{"seat.assigned"}, "URL is required."},
			{"without TLS", "http://example.com/h", []string{"seat.assigned"}, "URL must begin with https://."},
			{"private network", "https://192.168.1.9/h", []string{"seat.assigned"}, "URL must point to a public host."},
			{"loopback", "https://localhost/h", []string{"seat.assigned"}, "URL must point to a public host."},
			{"no events", "https://example.com/h", nil, "Select at least one event."},
			{"unknown event", "https://example.com/h", []string{"seat.assigned", "seat.lost"}, "One of the events isn’t available."},
		}
		for _, tt := range tests {
			for _, address := range []string{webhooksPath, webhooksPath + "/" + id} {
				got := b.Post(address, url.Values{"url": {tt.url}, "description": {"For <us>"}, "events": tt.events})
				page := document(t, got)
				got.Want(t, http.StatusUnprocessableEntity)
				modelstest.Contains(t, "error", page.Find("#panel .error").Text(), tt.message)
				_, checked := page.Find("#panel input[value='seat.assigned']").Attr("checked")
				modelstest.Equal(t, "URL entered", page.Find("#field-url").AttrOr("value", ""), tt.url)
				modelstest.Equal(t, "description entered", page.Find("#field-description").AttrOr("value", ""), "For <us>")
				modelstest.Equal(t, "event checked", checked, len(tt.events) > 0)
			}
		}
		if s.Dump(t) != before {
			t.Error("the database has changed")
		}
	})
}

// TestWebhookPingAndRetry sends deliveries to a real server.
func TestWebhookPingAndRetry(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, receiver := s.SignedIn(t, handlerstest.AdminEmail), newWebhookReceiver(t)
		id, first := newEndpoint(t, s, b)
		s.Exec(t, "UPDATE webhook_endpoints SET url = $1 WHERE id = $2", receiver.URL, id)
		address := webhooksPath + "/" + id

		// Nothing is sent yet, so the row refreshes itself.
		receiver.status.Store(http.StatusTeapot)
		pinged := b.Post(address+"/ping", nil)
		pinged.WantRedirect(t, address)
		modelstest.Equal(t, "notice", notice(t, b, pinged), "Ping sent")
		row := document(t, b.Get(address)).Find("#deliveries .delivery").First()
		poll, _ := row.Attr("hx-get")
		if _, live := row.Attr("data-live"); !live {
			t.Error("row of a ping that is being sent doesn't refresh itself")
		}
		modelstest.Contains(t, "row of a ping that is being sent", row.Text(), "Sending…")
		modelstest.Equal(t, "disabled buttons", row.Find("button[aria-disabled=true]").Length(), 1)
		if got := b.Part(poll); got.Status != http.StatusNoContent {
			t.Errorf("unchanged row: status = %d, want 204", got.Status)
		}
		if whole := b.Get(poll); whole.Status != http.StatusOK {
			t.Errorf("full page: status = %d, want 200", whole.Status)
		}

		sendWebhooks(t, s)
		page := delivered(t, b, id, "HTTP 418")
		row = document(t, page).Find("#deliveries .delivery").First()
		if _, live := row.Attr("data-live"); live {
			t.Error("row of a failed delivery refreshes itself")
		}
		if text := row.Find("pre").Text(); !strings.Contains(text, `"type": "webhook_endpoint.ping"`) || !strings.Contains(text, "<i>status 418</i>") {
			t.Errorf("payload and response = %s", text)
		}
		refreshed := b.Get(poll)
		refreshed.Want(t, http.StatusOK)
		modelstest.Equal(t, "rows", document(t, refreshed).Find("#"+row.AttrOr("id", "none")).Length(), 1)
		modelstest.Equal(t, "headers", document(t, refreshed).Find("#endpoint #health").Length(), 1)
		if health := strings.Join(strings.Fields(document(t, page).Find("#health").Text()), " "); !strings.Contains(health, "Success rate 0%") || !strings.Contains(page.Body, "Failing") {
			t.Errorf("health = %s, want a success rate of 0%% and the status Failing", health)
		}

		receiver.status.Store(http.StatusOK)
		rotated := b.Post(address+"/secret", nil)
		again, _ := row.Find("form").Attr("action")
		for _, page := range []string{"", "/disable", "/delete", "/secret"} {
			if badge := document(t, b.Get(address+page)).Find(".badge").First().Text(); strings.TrimSpace(badge) != "Failing" {
				t.Errorf("%s: status of the endpoint = %q, want Failing", page, badge)
			}
		}
		of, _, _ := strings.Cut(again, "/retry")
		if badge := document(t, b.Get(of)).Find("#endpoint .badge").Text(); strings.TrimSpace(badge) != "Failing" {
			t.Errorf("page of the delivery: status of the endpoint = %q, want Failing", badge)
		}
		if badge := document(t, b.Get(webhooksPath)).Find("table.table .badge").Text(); strings.TrimSpace(badge) != "Failing" {
			t.Errorf("list: status of the endpoint = %q, want Failing", badge)
		}
		retried := b.Post(again, nil)
		retried.WantRedirect(t, of)
		modelstest.Equal(t, "notice", notice(t, b, retried), "Retrying delivery")
		page = delivered(t, b, id, "HTTP 200")
		if !strings.Contains(page.Body, "attempt 2") {
			t.Error("the page does not show the number of attempts")
		}
		for _, secret := range []string{first, shownSecret(t, rotated)} {
			if err := receiver.verify(t, secret); err != nil {
				t.Errorf("verify: %v", err)
			}
		}

		receiver.status.Store(http.StatusGone)
		b.Post(address+"/ping", nil)
		if page := delivered(t, b, id, "HTTP 410 Gone"); !strings.Contains(page.Body, "Your server returned 410 Gone") {
			t.Error("the page does not say why the endpoint is disabled")
		}
		wantAlert(t, b.Post(again, nil), "Enable it first")
	})
}

// TestPingInPlaceSetsNoNotice checks that htmx requests set no notice, which a later page would show.
func TestPingInPlaceSetsNoNotice(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	id, _ := newEndpoint(t, s, b)
	address := webhooksPath + "/" + id
	request := s.Request(t, http.MethodPost, address+"/ping", "")
	request.Header.Set("Origin", s.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("HX-Request", "true")
	pinged := handlerstest.Send(t, b.Client, request)
	pinged.WantRedirect(t, address)
	modelstest.Equal(t, "notice", notice(t, b, pinged), "")
}

func TestWebhookDeliveryFiltersAndPaging(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newEndpoint(t, s, b)
		for i := range 45 {
			s.NamedKey(t, s.Workspace.ID, fmt.Sprintf("Robot %d", i))
		}
		b.Post(webhooksPath+"/"+id+"/ping", nil)
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', attempts = 10, failure = 'timeout', next_attempt_at = NULL WHERE event_type = $1", "webhook_endpoint.ping")
		for query, want := range map[string]int{
			"": 20, "?status=failed": 1, "?status=success": 0, "?event=webhook_endpoint.ping": 1, "?event=api_key.created": 20,
			"?event=webhook_endpoint.ping&status=pending": 0,
		} {
			if got := b.Get(webhooksPath + "/" + id + query); got.Status != http.StatusOK || document(t, got).Find(".delivery").Length() != want {
				t.Errorf("%s: status = %d, deliveries = %d; want 200 and %d", query, got.Status, document(t, got).Find(".delivery").Length(), want)
			}
		}
		seen, address := map[string]bool{}, webhooksPath+"/"+id+"?event=api_key.created"
		for pages := 0; address != ""; pages++ {
			page := document(t, b.Get(address))
			page.Find(".delivery").Each(func(_ int, row *goquery.Selection) { seen[row.AttrOr("id", "")] = true })
			address = page.Find("#older").AttrOr("href", "")
			if pages > 3 {
				t.Fatal("more than 4 pages, want 3")
			}
		}
		if len(seen) != 45 {
			t.Errorf("deliveries on all pages = %d, want 45", len(seen))
		}
		day := s.Now().Format(time.DateOnly)
		for query, want := range map[string]int{"?from=" + day + "&to=" + day: 20, "?from=2001-01-01&to=2001-01-31": 0, "?status=failed&from=" + day: 1} {
			if got := document(t, b.Get(webhooksPath+"/"+id+query)).Find(".delivery").Length(); got != want {
				t.Errorf("%s: deliveries = %d, want %d", query, got, want)
			}
		}
		for _, query := range []string{"?status=lost", "?event=nothing", "?cursor=x", "?from=yesterday", "?from=2026-02-02&to=2026-02-01"} {
			if got := b.Get(webhooksPath + "/" + id + query); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: status = %d, want 422", query, got.Status)
			}
		}
	})
}

// TestWebhooksOfAnotherWorkspace checks that they return 404 and don't change.
func TestWebhooksOfAnotherWorkspace(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newEndpoint(t, s, b)
		b.Post(webhooksPath+"/"+id+"/ping", nil)
		deliveries, err := s.WebhookDeliveries(t.Context(), s.Workspace.ID, id, models.DeliveryFilter{}, models.Page{})
		if err != nil {
			t.Fatal(err)
		}
		delivery := "/deliveries/" + deliveries.Items[0].ID
		s.NewWorkspace(t, "Globex", "gil@globex.test")
		stranger := s.SignedIn(t, "gil@globex.test")
		before := s.Dump(t)
		for _, address := range []string{"", "/edit", "/secret", "/disable", "/delete", "/example", "/replay", delivery, delivery + "/curl"} {
			if got := stranger.Get(webhooksPath + "/" + id + address); got.Status != http.StatusNotFound || strings.Contains(got.Body, "hooks.example.com") {
				t.Errorf("GET %s: status = %d, want 404", address, got.Status)
			}
		}
		for _, address := range []string{"", "/secret", "/disable", "/enable", "/delete", "/ping", "/example", "/replay", "/retry-failed", delivery + "/retry"} {
			if got := stranger.Post(webhooksPath+"/"+id+address, webhookForm); got.Status != http.StatusNotFound {
				t.Errorf("POST %s: status = %d, want 404", address, got.Status)
			}
		}
		if strings.Contains(stranger.Get(webhooksPath).Body, "hooks.example.com") || s.Dump(t) != before {
			t.Error("the endpoint is listed or has changed")
		}
	})
}

func TestWebhookLimit(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for range models.MaxWebhookEndpoints {
		newEndpoint(t, s, b)
	}
	if got := b.Get(webhooksPath); document(t, got).Find("table.table tbody tr").Length() != models.MaxWebhookEndpoints {
		t.Errorf("listed endpoints != %d", models.MaxWebhookEndpoints)
	}
	got := b.Post(webhooksPath, webhookForm)
	got.Want(t, http.StatusUnprocessableEntity)
	page := document(t, got)
	modelstest.Contains(t, "alert", page.Find("[role=alert]").Text(), "reached the limit of 50 endpoints")
	modelstest.Equal(t, "URL entered", page.Find("#field-url").AttrOr("value", ""), webhookForm.Get("url"))
}

// TestUnreadableSecret checks that an admin learns why nothing is sent, and can repair it.
func TestUnreadableSecret(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		admin := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newEndpoint(t, s, admin)
		s.Exec(t, "UPDATE webhook_secrets SET sealed = $1", append([]byte{1}, make([]byte, 60)...))
		s.NamedKey(t, s.Workspace.ID, "CI")
		if got := strings.TrimSpace(document(t, admin.Get(webhooksPath)).Find("table .badge").Text()); got != "Secret unreadable" {
			t.Errorf("badge in the list = %q, want Secret unreadable", got)
		}
		page := document(t, admin.Get(webhooksPath+"/"+id))
		if got := page.Find("#unreadable").Text(); !strings.Contains(got, "can’t be decrypted") {
			t.Errorf("notice = %q, want that the secret can’t be decrypted", got)
		}
		if got := strings.TrimSpace(page.Find("#deliveries .badge").Text()); got != "Pending" {
			t.Errorf("status of the delivery = %q, want Pending", got)
		}
		if got := page.Find("#deliveries").Text(); !strings.Contains(got, "pending until the secret is restored or rotated") {
			t.Errorf("deliveries do not say what they wait for: %q", got)
		}
		if n := page.Find("#deliveries [data-live]").Length(); n != 0 {
			t.Errorf("rows that refresh themselves = %d, want 0", n)
		}
		dialog := admin.Get(webhooksPath + "/" + id + "/secret")
		if got := document(t, dialog).Find("form").Text(); !strings.Contains(got, "discard") || strings.Contains(got, "24 hours") {
			t.Errorf("dialog = %q, want that the old secret is discarded", got)
		}
		rotated := admin.Post(webhooksPath+"/"+id+"/secret", nil)
		if rotated.Status != http.StatusCreated || strings.Contains(rotated.Body, "24 hours") {
			t.Errorf("rotate: status = %d, want 201 and no promise of 24 hours", rotated.Status)
		}
		if n := document(t, admin.Get(webhooksPath+"/"+id)).Find("#unreadable").Length(); n != 0 {
			t.Error("notice remains after the rotation")
		}
	})
}
