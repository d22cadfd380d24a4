package models_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// use is one accepted request with a key.
type use struct {
	key                       *models.APIKey
	at                        time.Time
	address, userAgent, route string
}

// batchOf is a batch with one tally for each use.
func batchOf(t testing.TB, uses ...use) models.UsageBatch {
	t.Helper()
	batch := models.UsageBatch{ID: rand.Text()}
	for i, u := range uses {
		batch.Routes = append(batch.Routes, models.UsageRoute{Name: u.route})
		batch.Callers = append(batch.Callers, models.UsageCaller{Address: u.address, UserAgent: u.userAgent})
		batch.Tallies = append(batch.Tallies, models.UsageTally{
			Key: idOf(t, u.key.ID), Workspace: idOf(t, u.key.WorkspaceID), Route: i, Caller: i, StatusClass: 2,
			Requests: 1, First: u.at.UnixMilli(), Last: u.at.UnixMilli(),
		})
	}
	return batch
}

func idOf(t testing.TB, text string) ulid.ULID {
	t.Helper()
	_, id, _ := strings.Cut(text, "_")
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// record stores batches and folds them.
func record(t *testing.T, s *modelstest.Store, batches ...models.UsageBatch) {
	t.Helper()
	for _, batch := range batches {
		if err := s.AppendUsage(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.FoldUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// use has a key used now and returns it.
func (s home) use(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	record(t, s.Store, batchOf(t, use{key, s.Now(), "192.0.2.7", "Browser/1.0", "GET /me"}))
	return s.read(t, key)
}

// read is a key as it is stored now.
func (s home) read(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	read, err := s.APIKey(s.ctx, s.id, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return read
}
