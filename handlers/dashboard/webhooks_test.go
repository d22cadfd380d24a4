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
	"github.com/skipup/keys/web/webhook"
)

const hooksPath = "/settings/webhooks"

var hookSecret = regexp.MustCompile(`whsec_[0-9A-Za-z+/]{43}=`)

var hookForm = url.Values{"url": {"https://hooks.example.com/skipup"}, "description": {"CRM <sync>"}, "events": {"seat.assigned", "api_key.created"}}

// hooksOf are the endpoints of the workspace, the newest first.
func hooksOf(t *testing.T, s *handlerstest.Server) []models.WebhookEndpoint {
	t.Helper()
	page, err := s.WebhookEndpoints(t.Context(), s.Workspace.ID, models.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// newHook makes an endpoint by the page, and returns its id and its secret.
func newHook(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser) (id, secret string) {
	t.Helper()
	made := b.Post(hooksPath, hookForm)
	if made.Status != http.StatusCreated {
		t.Fatalf("create: %d\n%s", made.Status, made.Body)
	}
	return hooksOf(t, s)[0].ID, shownSecret(t, made)
}

func shownSecret(t *testing.T, page handlerstest.Answer) string {
	t.Helper()
	return document(t, page).Find("#secret").AttrOr("value", "")
}

// hookReceiver is a real server that answers as it is told.
type hookReceiver struct {
	*httptest.Server
	status atomic.Int64
	mu     sync.Mutex
	header http.Header // of the last request
	body   []byte
}

func newHookReceiver(t *testing.T) *hookReceiver {
	t.Helper()
	r := &hookReceiver{}
	r.status.Store(http.StatusOK)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.header, r.body = request.Header.Clone(), body
		r.mu.Unlock()
		w.WriteHeader(int(r.status.Load()))
		fmt.Fprintf(w, "<i>said %d</i>", r.status.Load())
	}))
	t.Cleanup(r.Close)
	return r
}

// verify checks the last request against a secret with the public library.
func (r *hookReceiver) verify(t *testing.T, secret string) error {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return hook.VerifyIgnoringTimestamp(r.body, r.header)
}

// sendHooks has what is due sent until the test is over, to any address.
func sendHooks(t *testing.T, s *handlerstest.Server) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { webhook.New(s.Store.Store, webhook.Options{AllowPrivate: true}).Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

// delivered is the newest row of the page of an endpoint once it says words.
func delivered(t *testing.T, b *handlerstest.Browser, id, words string) handlerstest.Answer {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		page := b.Get(hooksPath + "/" + id)
		if said := strings.Join(strings.Fields(document(t, page).Find("#deliveries .delivery").First().Text()), " "); strings.Contains(said, words) {
			return page
		} else if time.Now().After(deadline) {
			t.Fatalf("the newest delivery never says %q, but %q", words, said)
		}
	}
}

// TestWebhookEndpointByThePage is the main road: an endpoint is made, its secret shown once, it is
// changed, disabled, enabled and deleted.
func TestWebhookEndpointByThePage(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		if empty := b.Get(hooksPath); empty.Status != http.StatusOK || !strings.Contains(empty.Body, "Add your first endpoint") {
			t.Errorf("the empty list: %d", empty.Status)
		}
		made := b.Post(hooksPath, hookForm)
		secret := shownSecret(t, made)
		if made.Status != http.StatusCreated || !hookSecret.MatchString(secret) || made.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("create: %d, secret %.10s…, %v", made.Status, secret, made.Header)
		}
		id := hooksOf(t, s)[0].ID
		address := hooksPath + "/" + id
		for _, page := range []string{hooksPath, address, address + "/edit", address + "/secret"} {
			got := b.Get(page)
			if got.Status != http.StatusOK || !strings.Contains(got.Body, "hooks.example.com") || hookSecret.MatchString(got.Body) || strings.Contains(got.Body, "CRM <sync>") {
				t.Errorf("%s: %d", page, got.Status)
			}
		}
		if got := document(t, b.Get(address)); !strings.Contains(got.Find("#endpoint header").Text(), "CRM <sync>") || !strings.Contains(got.Find("section[aria-labelledby=history]").Text(), "created") {
			t.Error("the page has no description, or no history")
		}
		form := document(t, b.Get(address+"/edit")).Find("#panel")
		if typed := form.Find("#field-description").AttrOr("value", ""); typed != "CRM <sync>" || form.Find("input[name=events][checked]").Length() != 2 {
			t.Errorf("the form to edit has %q, and %d events", typed, form.Find("input[name=events][checked]").Length())
		}
		done := func(answer handlerstest.Answer, leads, says string) {
			t.Helper()
			if said := notice(t, b, answer); answer.Status != http.StatusSeeOther || answer.Header.Get("Location") != leads || said != says {
				t.Errorf("%d leads to %q, where it says %q; want %q", answer.Status, answer.Header.Get("Location"), said, says)
			}
		}

		edited := url.Values{"url": {"https://hooks.example.com/other"}, "description": {""}, "events": {"member.added"}}
		done(b.Post(address, edited), address, "The endpoint is changed.")
		hook := hooksOf(t, s)[0]
		if hook.URL != "https://hooks.example.com/other" || hook.Description != nil || hook.Events.String() != "member.added" {
			t.Errorf("edited to %+v", hook)
		}

		if done(b.Post(address+"/disable", nil), address, "The endpoint is disabled. Nothing is sent to it any more."); hooksOf(t, s)[0].Enabled() {
			t.Error("it is not disabled")
		}
		page := b.Get(address)
		if !strings.Contains(page.Body, "Somebody has disabled this endpoint.") || document(t, page).Find("#ping").Length() != 0 {
			t.Error("a disabled endpoint does not say so, or offers a ping")
		}
		refused := b.Post(address+"/ping", nil)
		if said := document(t, refused).Find("#deliveries [role=alert]").Text(); refused.Status != http.StatusUnprocessableEntity || !strings.Contains(said, "Enable it first") {
			t.Errorf("a ping of it: %d %q", refused.Status, said)
		}
		if done(b.Post(address+"/enable", nil), address, "The endpoint is enabled. What has waited for it is sent now."); !hooksOf(t, s)[0].Enabled() {
			t.Error("it is not enabled")
		}

		rotated := b.Post(address+"/secret", nil)
		if next := shownSecret(t, rotated); rotated.Status != http.StatusCreated || !hookSecret.MatchString(next) || next == secret || !strings.Contains(rotated.Body, "For 24 hours") {
			t.Errorf("rotate: %d", rotated.Status)
		}
		for range 3 {
			rotated = b.Post(address+"/secret", nil)
		}
		refused = b.Post(address+"/secret", nil)
		if said := document(t, refused).Find("#panel [role=alert]").Text(); rotated.Status != http.StatusCreated || refused.Status != http.StatusUnprocessableEntity ||
			!strings.Contains(said, "The secret was rotated 4 times within 24 hours.") || hookSecret.MatchString(refused.Body) {
			t.Errorf("rotated once too often: %d, then %d %q", rotated.Status, refused.Status, said)
		}
		if done(b.Post(address+"/delete", nil), hooksPath, "The endpoint at hooks.example.com is deleted."); len(hooksOf(t, s)) != 0 {
			t.Error("it is not deleted")
		}
		if got := b.Get(address); got.Status != http.StatusNotFound {
			t.Errorf("then its page: %d", got.Status)
		}
		if log, tables := s.Log.String(), s.Dump(t); hookSecret.MatchString(log) || hookSecret.MatchString(tables) {
			t.Error("a secret is in the log or in a table")
		}
	})
}

// TestWebhookFormRefusals keep all that was typed, and change nothing.
func TestWebhookFormRefusals(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newHook(t, s, b)
		before := s.Dump(t)
		tests := []struct {
			name, url string
			events    []string
			complaint string
		}{
			{"no address", "", []string{"seat.assigned"}, "The URL is required."},
			{"without TLS", "http://example.com/h", []string{"seat.assigned"}, "The URL must begin with https://."},
			{"of a private network", "https://192.168.1.9/h", []string{"seat.assigned"}, "The URL must name a host on the public internet."},
			{"of the machine itself", "https://localhost/h", []string{"seat.assigned"}, "The URL must name a host on the public internet."},
			{"no events", "https://example.com/h", nil, "The events must name at least one event"},
			{"no such event", "https://example.com/h", []string{"seat.assigned", "seat.lost"}, "Each event must be one of"},
		}
		for _, tt := range tests {
			for _, address := range []string{hooksPath, hooksPath + "/" + id} {
				got := b.Post(address, url.Values{"url": {tt.url}, "description": {"For <us>"}, "events": tt.events})
				page := document(t, got)
				if got.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Find("#panel .error").Text(), tt.complaint) {
					t.Errorf("%s at %s: %d %q", tt.name, address, got.Status, page.Find("#panel .error").Text())
				}
				_, ticked := page.Find("#panel input[value='seat.assigned']").Attr("checked")
				if page.Find("#field-url").AttrOr("value", "") != tt.url || page.Find("#field-description").AttrOr("value", "") != "For <us>" || ticked != (len(tt.events) > 0) {
					t.Errorf("%s at %s: what was typed is gone", tt.name, address)
				}
			}
		}
		if s.Dump(t) != before {
			t.Error("a refusal changes something")
		}
	})
}

// TestWebhookPingAndRetry go to a real receiver, and the page tells how it went.
func TestWebhookPingAndRetry(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, receiver := s.SignedIn(t, handlerstest.AdminEmail), newHookReceiver(t)
		id, first := newHook(t, s, b)
		s.Exec(t, "UPDATE webhook_endpoints SET url = $1 WHERE id = $2", receiver.URL, id)
		address := hooksPath + "/" + id

		// Nobody sends yet: the row says that it moves, and asks for itself anew.
		receiver.status.Store(http.StatusTeapot)
		pinged := b.Post(address+"/ping", nil)
		if says := notice(t, b, pinged); pinged.Status != http.StatusSeeOther || pinged.Header.Get("Location") != address || says != "The ping is on its way." {
			t.Fatalf("ping: %d, %q", pinged.Status, says)
		}
		row := document(t, b.Get(address)).Find("#deliveries .delivery").First()
		poll, _ := row.Attr("hx-get")
		if _, live := row.Attr("data-live"); !live || !strings.Contains(row.Text(), "Sending…") || row.Find("button[aria-disabled=true]").Length() != 1 {
			t.Errorf("a ping on its way: %s", row.Text())
		}
		if got := b.Part(poll); got.Status != http.StatusNoContent {
			t.Errorf("nothing is new: %d", got.Status)
		}
		if whole := b.Get(poll); whole.Status != http.StatusOK {
			t.Errorf("the address in a browser: %d", whole.Status)
		}

		sendHooks(t, s)
		page := delivered(t, b, id, "Answered 418, which is not 2xx")
		row = document(t, page).Find("#deliveries .delivery").First()
		if _, live := row.Attr("data-live"); live {
			t.Error("a row that is final asks on")
		}
		if text := row.Find("pre").Text(); !strings.Contains(text, `"type": "webhook_endpoint.ping"`) || !strings.Contains(text, "<i>said 418</i>") {
			t.Errorf("the payload and the answer: %s", text)
		}
		if got := b.Get(poll); got.Status != http.StatusOK || document(t, got).Find("#"+row.AttrOr("id", "none")).Length() != 1 || document(t, got).Find("#endpoint #health").Length() != 1 {
			t.Errorf("what asks anew gets the row and the head: %d", got.Status)
		}
		if health := strings.Join(strings.Fields(document(t, page).Find("#health").Text()), " "); !strings.Contains(health, "Arrived 0 %") || !strings.Contains(page.Body, "Failing") {
			t.Errorf("the health is %s", health)
		}

		receiver.status.Store(http.StatusOK)
		rotated := b.Post(address+"/secret", nil)
		again, _ := row.Find("form").Attr("action")
		for _, page := range []string{"", "/disable", "/delete", "/secret"} {
			if badge := document(t, b.Get(address+page)).Find(".badge").First().Text(); strings.TrimSpace(badge) != "Failing" {
				t.Errorf("%s says that the endpoint is %q", page, badge)
			}
		}
		of, _, _ := strings.Cut(again, "/retry")
		if badge := document(t, b.Get(of)).Find("#endpoint .badge").Text(); strings.TrimSpace(badge) != "Failing" {
			t.Errorf("the page of the delivery says that the endpoint is %q", badge)
		}
		if badge := document(t, b.Get(hooksPath)).Find("table.hooks .badge").Text(); strings.TrimSpace(badge) != "Failing" {
			t.Errorf("the list says that the endpoint is %q", badge)
		}
		retried := b.Post(again, nil)
		if says := notice(t, b, retried); retried.Status != http.StatusSeeOther || retried.Header.Get("Location") != of || says != "The delivery is being sent." {
			t.Fatalf("retry: %d to %q, %q", retried.Status, retried.Header.Get("Location"), says)
		}
		page = delivered(t, b, id, "Answered 200")
		if !strings.Contains(page.Body, "at attempt 2") {
			t.Error("the page does not count the attempts")
		}
		for _, secret := range []string{first, shownSecret(t, rotated)} {
			if err := receiver.verify(t, secret); err != nil {
				t.Errorf("a secret does not verify: %v", err)
			}
		}

		receiver.status.Store(http.StatusGone)
		b.Post(address+"/ping", nil)
		if page := delivered(t, b, id, "Answered 410"); !strings.Contains(page.Body, "The receiver has answered 410 Gone.") {
			t.Error("the page does not say why the endpoint is disabled")
		}
		refused := b.Post(again, nil)
		if said := document(t, refused).Find(".delivery [role=alert]").Text(); refused.Status != http.StatusUnprocessableEntity || !strings.Contains(said, "Enable it first") {
			t.Errorf("a retry then: %d %q", refused.Status, said)
		}
	})
}

// TestWhoSeesAPingInPlaceGetsNoNotice: it would be shown on whatever page comes next.
func TestWhoSeesAPingInPlaceGetsNoNotice(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	id, _ := newHook(t, s, b)
	address := hooksPath + "/" + id
	request := s.Request(t, http.MethodPost, address+"/ping", "")
	request.Header.Set("Origin", s.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("HX-Request", "true")
	pinged := handlerstest.Send(t, b.Client, request)
	if says := notice(t, b, pinged); pinged.Status != http.StatusSeeOther || pinged.Header.Get("Location") != address || says != "" {
		t.Errorf("%d to %q, then the page says %q", pinged.Status, pinged.Header.Get("Location"), says)
	}
}

// TestWebhookDeliveriesAreNarrowed by status and event, and come in pages.
func TestWebhookDeliveriesAreNarrowed(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newHook(t, s, b)
		for i := range 45 {
			s.NamedKey(t, s.Workspace.ID, fmt.Sprintf("Robot %d", i))
		}
		b.Post(hooksPath+"/"+id+"/ping", nil)
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', attempts = 10, failure = 'timeout', next_attempt_at = NULL WHERE event_type = $1", "webhook_endpoint.ping")
		for query, want := range map[string]int{
			"": 20, "?status=failed": 1, "?status=success": 0, "?event=webhook_endpoint.ping": 1, "?event=api_key.created": 20,
			"?event=webhook_endpoint.ping&status=pending": 0,
		} {
			if got := b.Get(hooksPath + "/" + id + query); got.Status != http.StatusOK || document(t, got).Find(".delivery").Length() != want {
				t.Errorf("%s: %d with %d", query, got.Status, document(t, got).Find(".delivery").Length())
			}
		}
		seen, address := map[string]bool{}, hooksPath+"/"+id+"?event=api_key.created"
		for pages := 0; address != ""; pages++ {
			page := document(t, b.Get(address))
			page.Find(".delivery").Each(func(_ int, row *goquery.Selection) { seen[row.AttrOr("id", "")] = true })
			address = page.Find("#older").AttrOr("href", "")
			if pages > 3 {
				t.Fatal("the pages do not end")
			}
		}
		if len(seen) != 45 {
			t.Errorf("the pages have %d deliveries", len(seen))
		}
		for _, query := range []string{"?status=lost", "?event=nothing", "?cursor=x"} {
			if got := b.Get(hooksPath + "/" + id + query); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", query, got.Status)
			}
		}
	})
}

// TestWebhooksOfOthers are not found, whatever is asked of them, and stay as they are.
func TestWebhooksOfOthers(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		id, _ := newHook(t, s, b)
		b.Post(hooksPath+"/"+id+"/ping", nil)
		deliveries, err := s.WebhookDeliveries(t.Context(), s.Workspace.ID, id, models.DeliveryFilter{}, models.Page{})
		if err != nil {
			t.Fatal(err)
		}
		delivery := "/deliveries/" + deliveries.Items[0].ID
		s.NewWorkspace(t, "Globex", "gil@globex.test")
		stranger := s.SignedIn(t, "gil@globex.test")
		before := s.Dump(t)
		for _, address := range []string{"", "/edit", "/secret", "/disable", "/delete", delivery} {
			if got := stranger.Get(hooksPath + "/" + id + address); got.Status != http.StatusNotFound || strings.Contains(got.Body, "hooks.example.com") {
				t.Errorf("GET %s: %d", address, got.Status)
			}
		}
		for _, address := range []string{"", "/secret", "/disable", "/enable", "/delete", "/ping", delivery + "/retry"} {
			if got := stranger.Post(hooksPath+"/"+id+address, hookForm); got.Status != http.StatusNotFound {
				t.Errorf("POST %s: %d", address, got.Status)
			}
		}
		if strings.Contains(stranger.Get(hooksPath).Body, "hooks.example.com") || s.Dump(t) != before {
			t.Error("the endpoint is listed or changed")
		}
	})
}

// TestTooManyWebhooks are refused in the form.
func TestTooManyWebhooks(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for range models.MaxWebhookEndpoints {
		newHook(t, s, b)
	}
	if got := b.Get(hooksPath); document(t, got).Find("table.hooks tbody tr").Length() != models.MaxWebhookEndpoints {
		t.Error("the list does not show all endpoints")
	}
	got := b.Post(hooksPath, hookForm)
	if page := document(t, got); got.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Find("[role=alert]").Text(), "can have 50 webhook endpoints") ||
		page.Find("#field-url").AttrOr("value", "") == "" {
		t.Errorf("one more: %d", got.Status)
	}
}
