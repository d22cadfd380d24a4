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

// pace is how long it is from one request to the next on the average. No key comes near its rate
// limit, and no address with a dead key near that for guesses.
const pace = 500 * time.Millisecond

// client is a program that sends requests to the API for as long as the demo runs.
type client struct {
	secret       token.Secret
	caller       caller
	method, path string
	often        int  // how often among all
	books        bool // it asks for a meeting, now and then
}

func (h *history) clients() []client {
	call := func(name string, from, often int, method, path string) client {
		k := h.keys[name]
		return client{secret: k.secret, caller: k.callers[from], method: method, path: path, often: often}
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
	for i := range h.keys[crmSync+successor].callers {
		clients = append(clients, call(crmSync+successor, i, 2, "GET", "/meeting_requests?limit=10"))
	}
	return clients
}

// Traffic has the clients send requests to the server at url, two a second, until ctx ends.
func (w *Workspace) Traffic(ctx context.Context, url string) {
	var turns []client
	for _, c := range w.clients {
		for range c.often {
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
		// What becomes of a request is what the pages show; a failed one is none.
		_ = turns[i%len(turns)].send(ctx, sender, url)
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
	request.Header.Set("X-Forwarded-For", c.caller.address) // the demo trusts this machine
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

// meeting is what c asks for: one meeting in four requests, and otherwise nothing, so that
// there are refused requests to see too and the list does not grow for ever.
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
