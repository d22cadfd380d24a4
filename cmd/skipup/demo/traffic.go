package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models/token"
)

// pace is the average time between requests. It keeps every key and IP address well below its rate
// limit.
const pace = 500 * time.Millisecond

// client sends requests to the API while the demo runs.
type client struct {
	secret       token.Secret
	caller       caller
	method, path string
	weight       int  // relative frequency
	books        bool // whether it creates meeting requests
}

func (h *history) clients() []client {
	call := func(name string, from, weight int, method, path string) client {
		k := h.keys[name]
		return client{secret: k.secret, caller: k.callers[from], method: method, path: path, weight: weight}
	}
	clients := []client{
		call(crmSync, 4, 3, "GET", "/meeting_requests"), call(crmSync, 5, 2, "GET", "/workspace_members"),
		call(uptime, 0, 4, "GET", "/me"), call(slack, 0, 4, "GET", "/meeting_requests?limit=5"),
		call("Grafana dashboards", 0, 2, "GET", "/seats"), call("Grafana dashboards", 0, 2, "GET", "/api_keys"),
		call(legacyImporter, 0, 2, "GET", "/meeting_requests"), call(portal, 0, 1, "GET", "/meeting_requests"),
		call(contracts, 1, 2, "GET", "/workspace_members"), call(contracts, 0, 1, "POST", "/meeting_requests"),
		call(bookingForm, 0, 1, "POST", "/meeting_requests"),
	}
	clients[len(clients)-1].books = true
	for i := range h.keys[crmSync+replacement].callers {
		clients = append(clients, call(crmSync+replacement, i, 2, "GET", "/meeting_requests?limit=10"))
	}
	return clients
}

// Traffic sends two requests a second to the server at url until ctx ends.
func (w *Workspace) Traffic(ctx context.Context, url string) {
	var turns []client
	for _, c := range w.clients {
		for range c.weight {
			turns = append(turns, c)
		}
	}
	sender := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: nil}}
	defer sender.CloseIdleConnections()
	for i := 0; ; i++ {
		if i%len(turns) == 0 {
			rand.Shuffle(len(turns), func(a, b int) { turns[a], turns[b] = turns[b], turns[a] })
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace/2 + rand.N(pace)):
		}
		_ = turns[i%len(turns)].send(ctx, sender, url) // the pages show the outcome
	}
}

func (c *client) send(ctx context.Context, sender *http.Client, url string) error {
	var body io.Reader
	if c.method == http.MethodPost {
		text, err := json.Marshal(c.meeting())
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, url+api.Base+c.path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.secret.Reveal())
	request.Header.Set("User-Agent", c.caller.agent)
	request.Header.Set("X-Forwarded-For", c.caller.address) // which the demo trusts from this machine
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := sender.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.Body.Close()
}

// meeting returns the body of a request. Three of four are invalid, to show failed requests and to
// keep the list short.
func (c *client) meeting() any {
	if !c.books || rand.IntN(4) > 0 {
		return struct{}{}
	}
	title := fmt.Sprintf("%s, from the website", titles[rand.IntN(len(titles))])
	return map[string]any{
		"organizer_email": people[0].email, "participant_emails": []string{guests[rand.IntN(len(guests))]},
		"context": map[string]any{"title": title, "duration_minutes": 30},
	}
}
