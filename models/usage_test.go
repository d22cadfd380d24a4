package models_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

// use is one accepted request with a key.
type use struct {
	key                       *models.APIKey
	at                        time.Time
	address, userAgent, route string
}

// countsOf returns counts with one row for each use.
func countsOf(uses ...use) usage.Counts {
	counts := usage.Counts{ID: rand.Text()}
	for _, u := range uses {
		at := u.at.UTC().Truncate(time.Millisecond)
		counts.Rows = append(counts.Rows, usage.Count{
			APIKeyID: u.key.ID, WorkspaceID: u.key.WorkspaceID, StartsAt: usage.Hourly.Start(at), Route: u.route, StatusClass: 2, Requests: 1,
			Caller: usage.Caller{Address: u.address, UserAgent: u.userAgent}, First: at, Last: at,
		})
	}
	return counts
}

// record adds counts to the usage of their keys.
func record(t *testing.T, s *modelstest.Store, all ...usage.Counts) {
	t.Helper()
	for _, counts := range all {
		if err := s.AddUsage(t.Context(), counts); err != nil {
			t.Fatal(err)
		}
	}
}

// use records a request with a key now and returns the key.
func (s fixture) use(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	record(t, s.Store, countsOf(use{key, s.Now(), "192.0.2.7", "Browser/1.0", "GET /me"}))
	return s.read(t, key)
}

// read returns a key as it is stored now.
func (s fixture) read(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	read, err := s.APIKey(s.ctx, s.id, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return read
}
