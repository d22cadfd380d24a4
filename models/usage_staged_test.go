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
	"github.com/skipup/keys/models/modelstest"
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
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			s, err := models.Open(address(t), models.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if err := s.MigrateTo(t.Context(), 11); err != nil {
				t.Fatal(err)
			}
			key, at := &models.APIKey{ID: s.NewID("key"), WorkspaceID: s.NewID("ws")}, s.Now()
			for id, body := range map[string][]byte{"staged": stagedBody(t, key, at), "broken": []byte("no batch")} {
				if err := s.DB().Exec("INSERT INTO usage_batches (id, body, created_at) VALUES (?, ?, ?)", id, body, at).Error; err != nil {
					t.Fatal(err)
				}
			}
			if err := s.DB().Exec("INSERT INTO usage_batches (id, body, folded_at, created_at) VALUES ('folded', ?, ?, ?)", stagedBody(t, key, at), at, at).Error; err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			wantStagedUsage(t, s, key, at)
			var left []string
			if err := s.DB().Raw("SELECT id FROM usage_batches WHERE length(body) > 0 ORDER BY id").Scan(&left).Error; err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"broken", "folded"}, left); diff != "" {
				t.Errorf("batches that keep their bodies (-want +got):\n%s", diff)
			}
		})
	}
}

// wantStagedUsage fails unless the usage of key is what stagedBody encodes.
func wantStagedUsage(t *testing.T, s *models.Store, key *models.APIKey, at time.Time) {
	t.Helper()
	for _, by := range []usage.Period{usage.Hourly, usage.Daily} {
		want := []usage.Count{
			{APIKeyID: key.ID, WorkspaceID: key.WorkspaceID, StartsAt: by.Start(at), Route: "GET /seats", Scope: "seats.read", StatusClass: 2, Requests: 3},
			{APIKeyID: key.ID, WorkspaceID: key.WorkspaceID, StartsAt: by.Start(at), Route: "POST /seats", Scope: "seats.write", StatusClass: 4, Rejection: usage.RejectedScope, Requests: 1},
		}
		got, err := s.Usage(t.Context(), key.WorkspaceID, key.ID, by, at.AddDate(0, 0, -2), at.AddDate(0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts by %v (-want +got):\n%s", time.Duration(by), diff)
		}
	}
	callers, err := s.CallersOf(t.Context(), key.WorkspaceID, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	var accepted, rejected int64
	for _, c := range callers {
		accepted, rejected = accepted+c.Accepted, rejected+c.Rejected
	}
	if accepted != 3 {
		t.Errorf("accepted requests of callers = %d, want 3", accepted)
	}
	if rejected != 1 {
		t.Errorf("rejected requests of callers = %d, want 1", rejected)
	}
	routes, err := s.RouteUses(t.Context(), key.WorkspaceID, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(routes) != 2 {
		t.Errorf("routes = %+v, want 2", routes)
	}
}
