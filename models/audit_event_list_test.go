package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// actionsOf returns the actions and targets of the events that match filter, newest first.
func actionsOf(t *testing.T, s fixture, filter models.AuditFilter) []string {
	t.Helper()
	var all []string
	err := s.EachAuditEvent(t.Context(), s.id, filter, func(e *models.AuditEvent) error {
		all = append(all, strings.TrimSpace(e.Action+" "+e.TargetName))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAuditEventsFilters(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		other.key(t, "CI elsewhere")
		s.Clock.Advance(24 * time.Hour)
		day := s.Now()
		ci, robot := s.key(t, "CI"), s.key(t, "Robot 100%")
		asRobot := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: robot.ID})
		if _, _, err := s.CreateAPIKey(asRobot, s.id, models.NewAPIKey{Name: "Created by robot"}); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(24 * time.Hour)
		operator := models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
		if err := s.RenameAPIKey(operator, s.id, ci.ID, "Builds"); err != nil {
			t.Fatal(err)
		}
		next := s.Now()
		tests := map[string]struct {
			filter models.AuditFilter
			want   []string
		}{
			"member":                  {models.AuditFilter{Actor: s.admin.ID}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"key":                     {models.AuditFilter{Actor: robot.ID}, []string{"api_key.created Created by robot"}},
			"operators":               {models.AuditFilter{Actor: "operator"}, []string{"api_key.renamed Builds"}},
			"type of actors with ids": {models.AuditFilter{Actor: "api_key"}, nil},
			"name of a member":        {models.AuditFilter{Actor: "adA"}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"email of a member":       {models.AuditFilter{Actor: "ada@acme"}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"name of a key":           {models.AuditFilter{Actor: "100%"}, []string{"api_key.created Created by robot"}},
			"action":                  {models.AuditFilter{Action: "api_key.renamed"}, []string{"api_key.renamed Builds"}},
			"target":                  {models.AuditFilter{Target: ci.ID}, []string{"api_key.renamed Builds", "api_key.created CI"}},
			"part of a name":          {models.AuditFilter{Target: "ROBOT"}, []string{"api_key.created Created by robot", "api_key.created Robot 100%"}},
			"prefix":                  {models.AuditFilter{Target: ci.KeyPrefix}, []string{"api_key.renamed Builds", "api_key.created CI"}},
			"prefix without dots":     {models.AuditFilter{Target: strings.TrimRight(ci.KeyPrefix, ".")}, []string{"api_key.renamed Builds", "api_key.created CI"}},
			"beginning of a key":      {models.AuditFilter{Target: strings.TrimRight(ci.KeyPrefix, ".") + "x7"}, []string{"api_key.renamed Builds", "api_key.created CI"}},
			"wildcard":                {models.AuditFilter{Target: "%"}, []string{"api_key.created Robot 100%"}},
			"from a time":             {models.AuditFilter{From: &next}, []string{"api_key.renamed Builds"}},
			"day":                     {models.AuditFilter{From: &day, Before: &next, Actor: s.admin.ID}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"before 1970":             {models.AuditFilter{Before: new(time.UnixMilli(-5))}, nil},
			"no match":                {models.AuditFilter{Actor: "xyz", Action: "y", Target: "z"}, nil},
			"another workspace":       {models.AuditFilter{Target: "CI elsewhere"}, nil},
			"invalid text":            {models.AuditFilter{Actor: "\x00\xff", Action: "\x00\xff", Target: "\x00\xff"}, nil},
			"invalid actor":           {models.AuditFilter{Actor: "\x00"}, nil},
			"invalid action":          {models.AuditFilter{Action: "\xff"}, nil},
			"invalid name":            {models.AuditFilter{Target: "\x00"}, nil},
			"long name":               {models.AuditFilter{Target: strings.Repeat("x", 100_000)}, nil},
			"id with a suffix":        {models.AuditFilter{Target: ci.ID + "x"}, nil},
		}
		for name, tt := range tests {
			if diff := cmp.Diff(tt.want, actionsOf(t, s, tt.filter)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// The time of an event is in its ID, even if its transaction overlaps with others.
func TestAuditEventIsListedAtItsTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		err := s.Tx(s.ctx, func(tx *models.Store) error {
			s.Clock.Advance(time.Minute)
			s.NewID("key") // another id with a later time
			_, err := tx.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Name: models.To("Builds")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		event := eventsOf(t, s, key.ID)[0]
		at, next := event.CreatedAt, event.CreatedAt.Add(time.Millisecond)
		if diff := cmp.Diff([]string{"api_key.renamed Builds"}, actionsOf(t, s, models.AuditFilter{From: &at, Before: &next})); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
	})
}

// Events that are added while a client pages don't change the result.
func TestAuditEventsPages(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.logged(t, 2_300)
		whole := actionsOf(t, s, models.AuditFilter{})
		var paged []string
		for page := (models.Page{Limit: 100}); ; {
			got, err := s.AuditEvents(t.Context(), s.id, models.AuditFilter{}, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.Items {
				paged = append(paged, strings.TrimSpace(e.Action+" "+e.TargetName))
			}
			if page.Cursor = got.NextCursor; page.Cursor == "" {
				break
			}
			s.key(t, "created meanwhile")
		}
		if diff := cmp.Diff(whole, paged); diff != "" || len(whole) != 2_302 {
			t.Errorf("%d events (-all +paged):\n%s", len(whole), diff)
		}
		first, err := s.AuditEvents(t.Context(), s.id, models.AuditFilter{}, models.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, filter := range []models.AuditFilter{
			{Action: "api_key.created"}, {Actor: s.admin.ID}, {Target: "CI"}, {From: ptr(modelstest.Start)}, {Before: ptr(modelstest.Start)},
		} {
			_, err = s.AuditEvents(t.Context(), s.id, filter, models.Page{Cursor: first.NextCursor})
			wantFields(t, err, "cursor")
		}
	})
}

func TestAuditHead(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		newFixture(t, s.Store, "Globex", "gil@globex.test").key(t, "Theirs")
		s.key(t, "CI")
		want := verified(t, s)
		events, head, err := s.AuditHead(t.Context(), s.id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events", events, want.Events)
		modelstest.Equal(t, "head", head, want.Head)
		modelstest.Equal(t, "events", events, 3)
		events, head, err = s.AuditHead(t.Context(), "ws_none")
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events", events, 0)
		modelstest.Equal(t, "head", head, "")
	})
}

// logged inserts many events at later positions, without hashes.
func (s fixture) logged(t testing.TB, events int) {
	t.Helper()
	numbers := "(SELECT i FROM generate_series(1, %d) AS i) AS numbers"
	if strings.HasPrefix(s.URL, "sqlite:") {
		numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS numbers"
	}
	s.Exec(t, fmt.Sprintf(`INSERT INTO audit_events (id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash)
		SELECT 'aud_' || substr('00000000000000000000000000' || i, length('00000000000000000000000000' || i) - 25, 26), '%s', 'member', 'mem_' || (i %% 50), 'Ada',
			CASE i %% 5 WHEN 0 THEN 'api_key.renamed' WHEN 1 THEN 'user.signed_in' ELSE 'api_key.created' END, 'api_key', 'key_' || (i %% 1000), 'Robot ' || (i %% 1000),
			'{}', '192.0.2.7', 'Browser/1.0', '2026-03-14 09:26:53.000', 1000000 + i, '' FROM `+numbers, s.id, events))
	s.Exec(t, "ANALYZE")
}

func TestAuditEventsUsesIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("inserts 20,000 rows")
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.logged(t, many)
		for name, filter := range map[string]models.AuditFilter{
			"all":             {},
			"member":          {Actor: "mem_7"},
			"unknown member":  {Actor: "mem_none"},
			"action":          {Action: "api_key.renamed"},
			"target":          {Target: "key_01KKNTQ1T84E2WZDNG5DMGC9S4"},
			"hour":            {From: new(time.UnixMilli(90_000)), Before: new(time.UnixMilli(3_690_000))},
			"member and hour": {Actor: "mem_7", From: new(time.UnixMilli(90_000)), Before: new(time.UnixMilli(3_690_000))},
			"action and time": {Action: "api_key.renamed", From: new(time.UnixMilli(90_000))},
			"unknown action":  {Action: "api_key.exploded"},
		} {
			for _, cursor := range []string{"", s.cursorOf(t, filter)} {
				for _, asked := range s.queriesOf(t, func() error {
					_, err := s.AuditEvents(t.Context(), s.id, filter, models.Page{Cursor: cursor})
					return err
				}) {
					plan := s.plan(t, asked)
					for _, costly := range []string{"Seq Scan", "SCAN audit", "Sort", "TEMP B-TREE"} {
						if strings.Contains(plan, costly) {
							t.Errorf("%s: %s in the plan of\n%s\n%s", name, costly, asked.sql, plan)
						}
					}
					// Rare events must not be searched for among all others.
					index := map[string]string{"unknown member": "audit_events_actor", "unknown action": "audit_events_action", "target": "audit_events_target"}[name]
					if !strings.Contains(plan, index) {
						t.Errorf("%s: index %s is not used in the plan of\n%s\n%s", name, index, asked.sql, plan)
					}
				}
			}
		}
	})
}

func (s fixture) cursorOf(t *testing.T, filter models.AuditFilter) string {
	t.Helper()
	page, err := s.AuditEvents(t.Context(), s.id, filter, models.Page{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.NextCursor
}

// BenchmarkAuditLog reads a page of 50 and all of 100,000 events.
func BenchmarkAuditLog(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			store := open(b)
			workspace, _ := store.NewWorkspace(b, "Acme", "ada@acme.test")
			s := fixture{Store: store, id: workspace.ID}
			s.logged(b, 100_000)
			for name, filter := range map[string]models.AuditFilter{
				"newest": {}, "by actor": {Actor: "mem_7"}, "by name": {Target: "robot 77"}, "by unknown name": {Target: "nothing like it"},
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if _, err := s.AuditEvents(b.Context(), s.id, filter, models.Page{Limit: 50}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("all", func(b *testing.B) {
				for b.Loop() {
					if err := s.EachAuditEvent(b.Context(), s.id, models.AuditFilter{}, func(*models.AuditEvent) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("chain and verify", func(b *testing.B) {
				if _, err := s.Migrate(b.Context()); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if found, err := s.VerifyAudit(b.Context(), s.id, nil, nil); err != nil || !found.Intact() {
						b.Fatal(found, err)
					}
				}
			})
		})
	}
}
