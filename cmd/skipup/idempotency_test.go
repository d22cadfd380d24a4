package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
)

// TestIdempotencyAfterKill kills a server during requests with an Idempotency-Key. No key may stay
// locked, and no request may take effect twice.
func TestIdempotencyAfterKill(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		env["SKIPUP_KEY_RATE_LIMIT"] = "0"
		created := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
		created.requireCode(t, exitOK)
		key := newKey(t, env, strings.TrimSpace(created.stdout), "CI", "meeting_requests.read,meeting_requests.write")

		const rounds, requests = 3, 40
		for round := range rounds {
			s := startProcess(t, env)
			s.waitUntilReady()
			var clients sync.WaitGroup
			started := make(chan bool, requests)
			for i := range requests {
				clients.Go(func() {
					started <- true
					_, _ = s.createMeeting(key, fmt.Sprint("request-", round, "-", i)) // fails if the server is killed first
				})
			}
			for range requests / 2 {
				<-started
			}
			s.kill()
			clients.Wait()
		}

		s := startProcess(t, env)
		s.waitUntilReady()
		ids := map[string]bool{}
		for round := range rounds {
			for i := range requests {
				ids[s.retryCreateMeeting(key, fmt.Sprint("request-", round, "-", i))] = true
			}
		}
		if len(ids) != rounds*requests {
			t.Errorf("%d distinct IDs, want %d", len(ids), rounds*requests)
		}
		if got := s.countMeetings(key); got != rounds*requests {
			t.Errorf("%d meeting requests, want %d", got, rounds*requests)
		}
	})
}

// createMeeting sends a request to create a meeting request, with name as its Idempotency-Key.
func (s *testServer) createMeeting(key, name string) (status int, id string) {
	body := `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`
	request, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/meeting_requests", strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", name)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var created struct{ Data struct{ ID string } }
	if err != nil || json.Unmarshal(text, &created) != nil {
		return 0, ""
	}
	return response.StatusCode, created.Data.ID
}

// retryCreateMeeting repeats createMeeting until it succeeds, and returns the ID.
func (s *testServer) retryCreateMeeting(key, name string) string {
	s.t.Helper()
	status := 0
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var id string
		if status, id = s.createMeeting(key, name); status == http.StatusAccepted {
			return id
		}
	}
	s.t.Fatalf("%s: status is still %d", name, status)
	return ""
}

// countMeetings returns the number of meeting requests.
func (s *testServer) countMeetings(key string) (n int) {
	s.t.Helper()
	for cursor := ""; ; {
		status, body := s.get("/api/v1/meeting_requests?limit=100&cursor="+cursor, key)
		var page struct {
			Data []any
			Meta struct {
				NextCursor *string `json:"next_cursor"`
			}
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			s.t.Fatalf("%d %s", status, body)
		}
		n += len(page.Data)
		if page.Meta.NextCursor == nil {
			return n
		}
		cursor = *page.Meta.NextCursor
	}
}
