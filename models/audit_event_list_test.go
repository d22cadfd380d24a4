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

// deeds are the events that filter lets through, as words, newest first.
func deeds(t *testing.T, s home, filter models.AuditFilter) []string {
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

func TestAuditLogIsFiltered(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		other := homeIn(t, s.Store, "Globex", "gil@globex.test")
		other.key(t, "CI of others")
		s.Clock.Advance(24 * time.Hour)
		day := s.Now()
		ci, robot := s.key(t, "CI"), s.key(t, "Robot 100%")
		robotActs := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: robot.ID})
		if _, _, err := s.CreateAPIKey(robotActs, s.id, models.NewAPIKey{Name: "Made by robot"}); err != nil {
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
			"a person":          {models.AuditFilter{Actor: s.admin.ID}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"a key":             {models.AuditFilter{Actor: robot.ID}, []string{"api_key.created Made by robot"}},
			"operators":         {models.AuditFilter{Actor: "operator"}, []string{"api_key.renamed Builds"}},
			"keys in general":   {models.AuditFilter{Actor: "api_key"}, nil},
			"an action":         {models.AuditFilter{Action: "api_key.renamed"}, []string{"api_key.renamed Builds"}},
			"a thing":           {models.AuditFilter{Target: ci.ID}, []string{"api_key.renamed Builds", "api_key.created CI"}},
			"part of a name":    {models.AuditFilter{Target: "ROBOT"}, []string{"api_key.created Made by robot", "api_key.created Robot 100%"}},
			"taken literally":   {models.AuditFilter{Target: "%"}, []string{"api_key.created Robot 100%"}},
			"from a moment":     {models.AuditFilter{From: &next}, []string{"api_key.renamed Builds"}},
			"a day":             {models.AuditFilter{From: &day, Before: &next, Actor: s.admin.ID}, []string{"api_key.created Robot 100%", "api_key.created CI"}},
			"before it began":   {models.AuditFilter{Before: new(time.UnixMilli(-5))}, nil},
			"what nobody has":   {models.AuditFilter{Actor: "x", Action: "y", Target: "z"}, nil},
			"another workspace": {models.AuditFilter{Target: "CI of others"}, nil},
			"what no text is":   {models.AuditFilter{Actor: "\x00\xff", Action: "\x00\xff", Target: "\x00\xff"}, nil},
			"no such actor":     {models.AuditFilter{Actor: "\x00"}, nil},
			"no such action":    {models.AuditFilter{Action: "\xff"}, nil},
			"no such name":      {models.AuditFilter{Target: "\x00"}, nil},
			"a long name":       {models.AuditFilter{Target: strings.Repeat("x", 100_000)}, nil},
			"an id and more":    {models.AuditFilter{Target: ci.ID + "x"}, nil},
		}
		for name, tt := range tests {
			if diff := cmp.Diff(tt.want, deeds(t, s, tt.filter)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestAnEventIsListedAtItsTime, also if the transaction in which it is written takes longer than others.
func TestAnEventIsListedAtItsTime(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		err := s.Tx(s.ctx, func(tx *models.Store) error {
			s.Clock.Advance(time.Minute)
			s.NewID("key") // somebody else makes something
			return tx.RenameAPIKey(s.ctx, s.id, key.ID, "Builds")
		})
		if err != nil {
			t.Fatal(err)
		}
		event := eventsOf(t, s, key.ID)[0]
		at, next := event.CreatedAt, event.CreatedAt.Add(time.Millisecond)
		if diff := cmp.Diff([]string{"api_key.renamed Builds"}, deeds(t, s, models.AuditFilter{From: &at, Before: &next})); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
	})
}

// The pages of the log and the whole of it have the same events, each once, although more come.
func TestAuditLogComesInPages(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.logged(t, 2_300)
		whole := deeds(t, s, models.AuditFilter{})
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
			s.key(t, "made meanwhile")
		}
		if diff := cmp.Diff(whole, paged); diff != "" || len(whole) != 2_302 {
			t.Errorf("%d events; pages (-whole +paged):\n%s", len(whole), diff)
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

// TestAuditHead is what the check of the chain finds.
func TestAuditHead(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		homeIn(t, s.Store, "Globex", "gil@globex.test").key(t, "Theirs")
		s.key(t, "CI")
		want := verified(t, s)
		if events, head, err := s.AuditHead(t.Context(), s.id); err != nil || events != want.Events || head != want.Head || events != 3 {
			t.Errorf("%d events with the head %s, %v; want %+v", events, head, err, want)
		}
		if events, head, err := s.AuditHead(t.Context(), "ws_none"); err != nil || events != 0 || head != "" {
			t.Errorf("of no workspace: %d events with the head %q, %v", events, head, err)
		}
	})
}

// logged puts many events into the log at once. They are not chained.
func (s home) logged(t testing.TB, events int) {
	t.Helper()
	numbers := "(SELECT i FROM generate_series(1, %d) AS i) AS numbers"
	if strings.HasPrefix(s.URL, "sqlite:") {
		numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS numbers"
	}
	s.Exec(t, fmt.Sprintf(`INSERT INTO audit_events (id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at)
		SELECT 'aud_' || substr('00000000000000000000000000' || i, length('00000000000000000000000000' || i) - 25, 26), '%s', 'member', 'mem_' || (i %% 50), 'Ada',
			CASE i %% 5 WHEN 0 THEN 'api_key.renamed' WHEN 1 THEN 'user.signed_in' ELSE 'api_key.created' END, 'api_key', 'key_' || (i %% 1000), 'Robot ' || (i %% 1000),
			'{}', '192.0.2.7', 'Browser/1.0', '2026-03-14 09:26:53.000' FROM `+numbers, s.id, events))
	s.Exec(t, "ANALYZE")
}

// TestAuditLogUsesAnIndex: a page out of 100,000 events is cut from an index in its order.
func TestAuditLogUsesAnIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the table")
	}
	eachHome(t, func(t *testing.T, s home) {
		s.logged(t, many)
		for name, filter := range map[string]models.AuditFilter{
			"all":               {},
			"of a person":       {Actor: "mem_7"},
			"of nobody":         {Actor: "mem_none"},
			"an action":         {Action: "api_key.renamed"},
			"about a thing":     {Target: "key_01KKNTQ1T84E2WZDNG5DMGC9S4"},
			"of an hour":        {From: new(time.UnixMilli(90_000)), Before: new(time.UnixMilli(3_690_000))},
			"of a person in it": {Actor: "mem_7", From: new(time.UnixMilli(90_000)), Before: new(time.UnixMilli(3_690_000))},
			"an action in it":   {Action: "api_key.renamed", From: new(time.UnixMilli(90_000))},
			"what never was":    {Action: "api_key.exploded"},
		} {
			for _, cursor := range []string{"", s.cursorOf(t, filter)} {
				for _, asked := range s.queriesOf(t, func() error {
					_, err := s.AuditEvents(t.Context(), s.id, filter, models.Page{Cursor: cursor})
					return err
				}) {
					plan := s.plan(t, asked)
					if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN audit") || strings.Contains(plan, "Sort") || strings.Contains(plan, "TEMP B-TREE") {
						t.Errorf("%s: the plan of\n%s\n%s", name, asked.sql, plan)
					}
					// What is rare is not looked for among all the rest.
					index := map[string]string{"of nobody": "audit_events_actor", "what never was": "audit_events_action", "about a thing": "audit_events_target"}[name]
					if !strings.Contains(plan, index) {
						t.Errorf("%s: %s is not in the plan of\n%s\n%s", name, index, asked.sql, plan)
					}
				}
			}
		}
	})
}

func (s home) cursorOf(t *testing.T, filter models.AuditFilter) string {
	t.Helper()
	page, err := s.AuditEvents(t.Context(), s.id, filter, models.Page{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.NextCursor
}

// BenchmarkAuditLog is a page of 50 out of 100,000 events, and all of them one by one.
func BenchmarkAuditLog(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			store := open(b)
			workspace, _ := store.NewWorkspace(b, "Acme", "ada@acme.test")
			s := home{Store: store, id: workspace.ID}
			s.logged(b, many)
			for name, filter := range map[string]models.AuditFilter{
				"newest": {}, "of a person": {Actor: "mem_7"}, "by name": {Target: "robot 77"}, "no such name": {Target: "nothing like it"},
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if _, err := s.AuditEvents(b.Context(), s.id, filter, models.Page{Limit: 50}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("every one", func(b *testing.B) {
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
					if found, err := s.VerifyAudit(b.Context(), s.id, nil); err != nil || !found.Intact() {
						b.Fatal(found, err)
					}
				}
			})
		})
	}
}
