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

// TestKilledInTheMiddle: a server that is killed while requests with Idempotency-Keys run leaves
// none of these keys stuck, and does nothing twice.
func TestKilledInTheMiddle(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		env["SKIPUP_KEY_RATE_LIMIT"] = "0"
		made := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
		made.requireCode(t, exitOK)
		key := newKey(t, env, strings.TrimSpace(made.stdout), "CI", "meeting_requests.read,meeting_requests.write")

		const rounds, orders = 3, 40
		for round := range rounds {
			s := startProcess(t, env)
			s.waitUntilReady()
			var clients sync.WaitGroup
			begun := make(chan bool, orders)
			for i := range orders {
				clients.Go(func() {
					begun <- true
					_, _ = s.order(key, fmt.Sprint("order-", round, "-", i)) // there may be nobody to answer
				})
			}
			for range orders / 2 {
				<-begun
			}
			s.kill()
			clients.Wait()
		}

		s := startProcess(t, env)
		s.waitUntilReady()
		ids := map[string]bool{}
		for round := range rounds {
			for i := range orders {
				ids[s.insist(key, fmt.Sprint("order-", round, "-", i))] = true
			}
		}
		if there := s.count(key); len(ids) != rounds*orders || there != rounds*orders {
			t.Errorf("%d orders have %d meeting requests, and %d are there", rounds*orders, len(ids), there)
		}
	})
}

// order sends a request that makes a meeting request once.
func (s *server) order(key, name string) (status int, id string) {
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
	var answer struct{ Data struct{ ID string } }
	if err != nil || json.Unmarshal(text, &answer) != nil {
		return 0, ""
	}
	return response.StatusCode, answer.Data.ID
}

// insist sends an order until it is answered, and returns the id of what it made.
func (s *server) insist(key, name string) string {
	s.t.Helper()
	status := 0
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var id string
		if status, id = s.order(key, name); status == http.StatusAccepted {
			return id
		}
	}
	s.t.Fatalf("%s is stuck with %d", name, status)
	return ""
}

// count is how many meeting requests there are.
func (s *server) count(key string) (n int) {
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
