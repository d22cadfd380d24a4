package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
)

// usageAnswer is the part of the API's usage of a key that has to add up.
type usageAnswer struct {
	usageNumbers
	Periods, Routes, Scopes []usageNumbers
	Refusals                []struct{ Requests int64 }
}

type usageNumbers struct {
	Requests, Refused int64
	Statuses          map[string]int64
}

// usageOf returns the usage of a key, and fails the test unless its lists add up.
func (s *testServer) usageOf(reader, keyID string) usageAnswer {
	s.t.Helper()
	status, body := s.get("/api/v1/api_keys/"+keyID+"/usage?period=24h", reader)
	var answer struct{ Data usageAnswer }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		s.t.Fatalf("usage: %d %v\n%s", status, err, body)
	}
	usage := answer.Data
	for name, list := range map[string][]usageNumbers{"period": usage.Periods, "route": usage.Routes, "scope": usage.Scopes} {
		var requests, refused, byStatus int64
		for _, part := range list {
			requests, refused = requests+part.Requests, refused+part.Refused
			for _, n := range part.Statuses {
				byStatus += n
			}
		}
		modelstest.Equal(s.t, "requests by "+name, requests, usage.Requests)
		modelstest.Equal(s.t, "rejected requests by "+name, refused, usage.Refused)
		modelstest.Equal(s.t, "requests by status, by "+name, byStatus, usage.Requests)
	}
	var refusals int64
	for _, refusal := range usage.Refusals {
		refusals += refusal.Requests
	}
	if refusals != usage.Refused {
		s.t.Errorf("rejections = %d of\n%s", refusals, body)
	}
	return usage
}

// awaitUsage waits until a number of requests are counted, up to testTimeout.
func (s *testServer) awaitUsage(reader, keyID string, requests int64) usageAnswer {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(20 * time.Millisecond) {
		if usage := s.usageOf(reader, keyID); usage.Requests >= requests || time.Now().After(deadline) {
			return usage
		}
	}
}

// TestUsageOfSeveralNodes stops one node and kills another. Only requests in the last second of the killed
// node may be missing, and none is counted twice.
func TestUsageOfSeveralNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts several processes")
	}
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		limits := map[string]string{"DATABASE_URL": env["DATABASE_URL"], "SKIPUP_KEY_RATE_LIMIT": "0"}
		workspace := newWorkspace(t, env)
		reader := newKey(t, env, workspace, "Reader", "api_keys.read")
		key := newKey(t, env, workspace, "Busy", "members.read")
		stays, stops, dies := startProcess(t, limits), startProcess(t, limits), startProcess(t, limits)
		for _, node := range []*testServer{stays, stops, dies} {
			node.waitUntilReady()
		}
		_, me := stays.get("/api/v1/me", key)
		_, rest, _ := strings.Cut(me, `"id":"`)
		keyID, _, _ := strings.Cut(rest, `"`)

		// Each client goes round the nodes: a valid request, an invalid one, and one that is rejected.
		const clients, rounds = 6, 25
		ask := func(node *testServer, agent string) {
			for _, path := range []string{"/me", "/workspace_members?limit=0", "/seats"} {
				request, err := http.NewRequest(http.MethodGet, node.url+"/api/v1"+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Authorization", "Bearer "+key)
				request.Header.Set("User-Agent", agent)
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_ = answer.Body.Close()
			}
		}
		nodes := []*testServer{stays, stops, dies}
		var sending sync.WaitGroup
		for client := range clients {
			sending.Go(func() {
				for round := range rounds {
					ask(nodes[(client+round)%len(nodes)], fmt.Sprint("client/", client))
				}
			})
		}
		sending.Wait()
		sent := int64(1 + 3*clients*rounds)
		usage := stays.awaitUsage(reader, keyID, sent)
		modelstest.Equal(t, "requests", usage.Requests, sent)
		modelstest.Equal(t, "rejected requests", usage.Refused, clients*rounds)
		modelstest.Equal(t, "2xx", usage.Statuses["2xx"], 1+clients*rounds)
		modelstest.Equal(t, "4xx", usage.Statuses["4xx"], 2*clients*rounds)

		ask(stops, "last words")
		sent += 3
		stops.stop()
		if usage := stays.usageOf(reader, keyID); usage.Requests != sent {
			t.Errorf("requests after a node was stopped = %d, want %d", usage.Requests, sent)
		}

		ask(dies, "last words")
		dies.kill()
		<-dies.ended
		dies.ended <- -1
		if usage := stays.usageOf(reader, keyID); usage.Requests < sent || usage.Requests > sent+3 {
			t.Errorf("requests after a node was killed = %d, want %d and at most 3 more", usage.Requests, sent)
		}
	})
}
