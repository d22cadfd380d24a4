package models_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models"
)

// many is the number of rows in each table.
const many = 20_000

// No list of 25 out of 20,000 rows may scan or sort a table.
func TestListsUseIndexes(t *testing.T) {
	if testing.Short() {
		t.Skip("inserts 20,000 rows per table")
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.fill(t, endpoint.ID)
		first := models.Page{}
		deliveries := func(filter models.DeliveryFilter) func() error {
			return func() error {
				_, err := s.WebhookDeliveries(s.ctx, s.id, endpoint.ID, filter, first)
				return err
			}
		}
		lists := map[string]func() error{
			"meeting requests":                func() error { return s.listMeetings(models.MeetingRequestFilter{}) },
			"meeting requests by organizer":   func() error { return s.listMeetings(models.MeetingRequestFilter{OrganizerEmail: "p5@acme.test"}) },
			"meeting requests by participant": func() error { return s.listMeetings(models.MeetingRequestFilter{ParticipantEmail: "x7@example.org"}) },
			"paused meeting requests":         func() error { return s.listMeetings(models.MeetingRequestFilter{Status: models.MeetingRequestPaused}) },
			"meeting requests by date": func() error {
				return s.listMeetings(models.MeetingRequestFilter{CreatedAfter: new(time.UnixMilli(90_000))})
			},
			"members": func() error {
				_, err := s.Members(s.ctx, s.id, models.MemberFilter{}, first)
				return err
			},
			oneMember: func() error {
				_, err := s.Members(s.ctx, s.id, models.MemberFilter{Email: "p77@acme.test"}, first)
				return err
			},
			"seats": func() error {
				_, err := s.Seats(s.ctx, s.id, first)
				return err
			},
			"API keys": func() error {
				_, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, first)
				return err
			},
			"webhook endpoints": func() error {
				_, err := s.WebhookEndpoints(s.ctx, s.id, first)
				return err
			},
			"deliveries":          deliveries(models.DeliveryFilter{}),
			"failed deliveries":   deliveries(models.DeliveryFilter{Status: models.DeliveryFailed}),
			"deliveries by event": deliveries(models.DeliveryFilter{EventType: models.SeatAssignedEvent}),
		}
		for name, list := range lists {
			for _, asked := range s.queriesOf(t, list) {
				plan := s.plan(t, asked)
				if bad := costly.FindString(plan); bad != "" {
					t.Errorf("%s: %q in the plan of\n%s\n%s", name, bad, asked.sql, plan)
				}
				if sorts := strings.Contains(plan, "TEMP B-TREE FOR ORDER BY"); sorts && strings.Contains(asked.sql, "LIMIT") && name != oneMember {
					t.Errorf("%s: sorts before it limits\n%s\n%s", name, asked.sql, plan)
				}
			}
		}
	})
}

// oneMember is the list with at most one row, so that it may be sorted.
const oneMember = "member by email"

// costly matches a scan of a whole table in a query plan.
var costly = regexp.MustCompile(`(Seq Scan on|SCAN) (meeting|members|users|seats|api_keys|webhook|events)\w*`)

type query struct {
	sql  string
	vars []any
}

func (s fixture) listMeetings(filter models.MeetingRequestFilter) error {
	_, err := s.MeetingRequests(s.ctx, s.id, filter, models.Page{})
	return err
}

// fill inserts many rows into each table, with all deliveries to one endpoint.
func (s fixture) fill(t *testing.T, endpointID string) {
	t.Helper()
	numbers := "(SELECT i FROM generate_series(1, %d) AS i) AS numbers"
	if strings.HasPrefix(s.URL, "sqlite:") {
		numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS numbers"
	}
	from := " FROM " + fmt.Sprintf(numbers, many)
	id := func(prefix string) string {
		return "'" + prefix + "_' || substr('00000000000000000000000000' || i, length('00000000000000000000000000' || i) - 25, 26)"
	}
	now := "'2026-03-14 09:26:53.000'"
	status := "CASE i % 4 WHEN 0 THEN 'active' WHEN 1 THEN 'paused' WHEN 2 THEN 'booked' ELSE 'cancelled' END"
	digest := "decode(lpad(to_hex(i), 64, '0'), 'hex')"
	if strings.HasPrefix(s.URL, "sqlite:") {
		digest = "unhex(printf('%064x', i))"
	}
	for _, statement := range []string{
		"INSERT INTO users (id, email, name, password_hash, created_at, updated_at) SELECT " + id("usr") + ", 'p' || i || '@acme.test', 'P', ''," + now + "," + now + from,
		"INSERT INTO members (id, workspace_id, user_id, role, created_at, updated_at) SELECT " + id("mem") + ", '" + s.id + "', " + id("usr") + ", 'member'," + now + "," + now + from,
		"INSERT INTO seats (id, workspace_id, member_id, assigned_at) SELECT " + id("seat") + ", '" + s.id + "', " + id("mem") + "," + now + from,
		"INSERT INTO meeting_requests (id, workspace_id, organizer_id, organizer_email, status, include_introduction, created_at, updated_at) SELECT " +
			id("mr") + ", '" + s.id + "', '" + s.admin.ID + "', 'p' || (i % 1000) || '@acme.test', " + status + ", false," + now + "," + now + from,
		"INSERT INTO meeting_request_participants (meeting_request_id, position, workspace_id, email) SELECT " + id("mr") + ", 0, '" + s.id + "', 'x' || (i % 5000) || '@example.org'" + from,
		"INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, created_by_type, created_by_name, created_at, updated_at) SELECT " +
			id("key") + ", '" + s.id + "', 'K', 'sk_live_....', " + digest + ", '', 'member', 'Ada'," + now + "," + now + from,
		"INSERT INTO webhook_endpoints (id, workspace_id, url, events, disabled_at, disabled_reason, created_at, updated_at) SELECT " +
			id("we") + ", '" + s.id + "', 'https://hooks.example.com', ''," + now + ", 'manual'," + now + "," + now + from,
		"INSERT INTO events (id, workspace_id, type, data, created_at) SELECT " + id("evt") + ", '" + s.id + "', 'seat.assigned', '{}'," + now + from,
		"INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, response_excerpt, failure, duration_ms, created_at) SELECT " +
			id("whd") + ", '" + s.id + "', '" + endpointID + "', " + id("evt") + ", CASE i % 9 WHEN 0 THEN 'seat.assigned' ELSE 'api_key.created' END," +
			"CASE i % 100 WHEN 0 THEN 'failed' ELSE 'success' END, true, 1, '', '', 0, " + now + from,
		"ANALYZE",
	} {
		s.Exec(t, statement)
	}
}

// queriesOf returns the queries that do executes.
func (s fixture) queriesOf(t *testing.T, do func() error) (asked []query) {
	t.Helper()
	queries := s.DB().Callback().Query()
	note := func(db *gorm.DB) { asked = append(asked, query{db.Statement.SQL.String(), db.Statement.Vars}) }
	if err := queries.After("gorm:query").Register("note", note); err != nil {
		t.Fatal(err)
	}
	err := do()
	if removed := queries.Remove("note"); err != nil || removed != nil {
		t.Fatal(err, removed)
	}
	if len(asked) == 0 {
		t.Fatal("no query was executed")
	}
	return asked
}

func (s fixture) plan(t *testing.T, asked query) string {
	t.Helper()
	explain := "EXPLAIN "
	if strings.HasPrefix(s.URL, "sqlite:") {
		explain = "EXPLAIN QUERY PLAN "
	}
	db, err := s.DB().DB()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), explain+asked.sql, asked.vars...)
	if err != nil {
		t.Fatalf("%v\n%s", err, asked.sql)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, values[len(values)-1])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
