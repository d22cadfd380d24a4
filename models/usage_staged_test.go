package models_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
)

// stagedBody encodes two requests with a key as version 11 staged them: one accepted, and one
// rejected for its scope 1.5 s later.
func stagedBody(t *testing.T, key *models.APIKey, at time.Time) []byte {
	t.Helper()
	idOf := func(text string) ulid.ULID {
		_, id, _ := strings.Cut(text, "_")
		return ulid.MustParse(id)
	}
	id := idOf(key.ID)
	var tallies []byte
	for _, numbers := range [][8]uint64{{0, 0, 1, 2, 0, 3, 0, 250}, {0, 1, 0, 4, 1, 1, 1500, 0}} {
		tallies = append(tallies, id[:]...)
		for _, number := range numbers {
			tallies = binary.AppendUvarint(tallies, number)
		}
	}
	type pair [2]string
	body, err := cbor.Marshal(struct {
		Routes, Callers []pair
		Workspaces      []ulid.ULID
		Refusals        []string
		From            int64
		Tallies         []byte
	}{
		[]pair{{"GET /seats", "seats.read"}, {"POST /seats", "seats.write"}}, []pair{{"", ""}, {"192.0.2.1", "curl/8"}},
		[]ulid.ULID{idOf(key.WorkspaceID)}, []string{"", "scope"}, at.UnixMilli(), tallies,
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestMigrateAddsStagedUsage migrates a database of version 11 in which nodes have staged usage.
func TestMigrateAddsStagedUsage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, at := s.key(t, "CI"), s.Now()
		s.Exec(t, "DROP TABLE usage_flushes")
		for _, index := range []string{"api_key_callers_workspace_id ON api_key_callers (workspace_id, last_seen_at)",
			"api_key_callers_last_seen_at ON api_key_callers (last_seen_at)", "api_key_route_uses_last_at ON api_key_route_uses (last_at)"} {
			s.Exec(t, "CREATE INDEX "+index)
		}
		s.Exec(t, "DELETE FROM goose_db_version WHERE version_id > 11")
		insert := "INSERT INTO usage_batches (id, body, folded_at, created_at) VALUES ($1, $2, $3, $4)"
		s.Exec(t, insert, "waiting", stagedBody(t, key, at), nil, at)
		s.Exec(t, insert, "folded", stagedBody(t, key, at), at, at)
		s.Exec(t, insert, "broken", []byte("no batch"), nil, at)
		for range 2 {
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		hour := usage.Hourly.Start(at)
		want := []usage.Count{
			{APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: hour, Route: "GET /seats", Scope: "seats.read", StatusClass: 2, Requests: 3},
			{APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: hour, Route: "POST /seats", Scope: "seats.write", StatusClass: 4, Rejection: usage.RejectedScope, Requests: 1},
		}
		if diff := cmp.Diff(want, s.usage(t, key, usage.Hourly)); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		if got := s.requests(t, key); got != 4 {
			t.Errorf("requests = %d, want 4", got)
		}
		if read := s.read(t, key); read.LastUsedAt == nil || !read.LastUsedAt.Equal(at.Add(250*time.Millisecond)) {
			t.Errorf("last use = %v, want 250 ms after %v", read.LastUsedAt, at)
		}
		var left []string
		if err := s.DB().Raw("SELECT id FROM usage_batches WHERE length(body) > 0 ORDER BY id").Scan(&left).Error; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"broken", "folded"}, left); diff != "" {
			t.Errorf("batches that keep their bodies (-want +got):\n%s", diff)
		}
	})
}
