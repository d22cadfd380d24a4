package modelstest

import (
	"fmt"
	"strings"
	"testing"
)

// The Fill methods bypass the Store and fill each table with one statement, with times before Start.

// sources returns the SQL that depends on the database: rows with i from 1 to n, a digest of 32 bytes
// for i, and a time the given number of hours before Start, formatted as the Store does.
func (s *Store) sources() (numbers func(n int) string, digest string, ago func(hours string) string) {
	if strings.HasPrefix(s.URL, "sqlite:") {
		return func(n int) string {
				return fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS numbers", n)
			}, "unhex(printf('%064x', i))", func(hours string) string {
				return "strftime('%Y-%m-%d %H:%M:%f', '2026-03-14 09:26:53.000', '-' || (" + hours + ") || ' hours')"
			}
	}
	return func(n int) string { return fmt.Sprintf("(SELECT i FROM generate_series(1, %d) AS i) AS numbers", n) },
		"decode(lpad(to_hex(i), 64, '0'), 'hex')",
		func(hours string) string {
			return "CAST('2026-03-14 09:26:53.000Z' AS timestamptz) - (" + hours + ") * interval '1 hour'"
		}
}

// FillKeys creates keys of every kind, with callers and needed scopes. Every tenth key is deleted.
func (s *Store) FillKeys(t testing.TB, workspaceID, adminID string, keys int) {
	t.Helper()
	numbers, digest, ago := s.sources()
	days := func(n string) string { return ago("24 * (" + n + ")") }
	from := " FROM " + numbers(keys)
	id := "'key_' || substr('00000000000000000000000000' || i, length('00000000000000000000000000' || i) - 25, 26)"
	for _, statement := range []string{
		"INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, needed_scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at, last_used_at, deleted_at) SELECT " +
			id + ", '" + workspaceID + "', 'Robot ' || i, 'sk_live_....', " + digest + ", 'meeting_requests.read meeting_requests.write members.read seats.read seats.write', 'members.read seats.read seats.write', 'member', '" + adminID + "', 'Ada'," +
			days("i % 500") + "," + days("i % 500") + ", CASE WHEN i % 3 > 0 THEN " + days("i % 120") + " END, CASE WHEN i % 10 = 0 THEN " + days("i % 30") + " END" + from,
		"INSERT INTO api_key_route_uses (api_key_id, workspace_id, route, refusal, scope, requests, first_at, last_at, last_address, last_user_agent) SELECT " + id + ", '" + workspaceID +
			"', 'GET /' || scope, '', scope, 1, " + days("1") + "," + days("1") + ", '', ''" + from + ", (SELECT 'members.read' AS scope UNION SELECT 'seats.read' UNION SELECT 'seats.write') AS scopes",
		"INSERT INTO api_key_callers (api_key_id, workspace_id, address, user_agent, accepted, refused, first_seen_at, last_seen_at, last_refused_at, last_refusal, last_refused_route) SELECT " +
			id + ", '" + workspaceID + "', '192.0.2.' || address, 'curl/8', 1, 1, " + days("9") + "," + days("1") + ", CASE WHEN i % 10 = 0 THEN " + days("i % 20") + " END, CASE WHEN i % 10 = 0 THEN 'deleted' ELSE '' END, ''" + from +
			", (SELECT 1 AS address UNION SELECT 2 UNION SELECT 3) AS addresses",
		"INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests) SELECT " +
			id + ", '" + workspaceID + "', " + days("40") + ", 'GET /me', '', 2, '', 5" + from,
		"ANALYZE",
	} {
		s.Exec(t, statement)
	}
}

// usageKinds selects the ten kinds of requests that FillUsage makes, each counted in a row of its own.
const usageKinds = `(SELECT 'GET /me' AS route, '' AS scope, 2 AS class, '' AS refusal UNION ALL SELECT 'GET /seats', 'seats.read', 2, '' UNION ALL
	SELECT 'GET /seats', 'seats.read', 4, 'rate_limit' UNION ALL SELECT 'POST /seats', 'seats.write', 2, '' UNION ALL
	SELECT 'GET /workspace_members', 'members.read', 2, '' UNION ALL SELECT 'GET /workspace_members', 'members.read', 5, '' UNION ALL
	SELECT 'GET /meeting_requests', 'meeting_requests.read', 2, '' UNION ALL SELECT 'POST /meeting_requests', 'meeting_requests.write', 2, '' UNION ALL
	SELECT 'POST /meeting_requests', 'meeting_requests.write', 4, '' UNION ALL SELECT 'GET /api_keys', 'api_keys.read', 4, 'scope') AS kinds`

// FillUsage adds usage of the newest keys of a workspace: ten kinds of requests in every hour of the
// given number of days, from a hundred callers each.
func (s *Store) FillUsage(t testing.TB, workspaceID string, keys, days int) {
	t.Helper()
	numbers, _, ago := s.sources()
	newest := fmt.Sprintf("(SELECT id FROM api_keys WHERE workspace_id = '%s' ORDER BY id DESC LIMIT %d) AS newest", workspaceID, keys)
	hour, day := "date_trunc('hour', "+ago("i - 1")+")", "date_trunc('day', starts_at, 'UTC')"
	if strings.HasPrefix(s.URL, "sqlite:") {
		hour, day = "strftime('%Y-%m-%d %H:00:00.000', "+ago("i - 1")+")", "strftime('%Y-%m-%d 00:00:00.000', starts_at)"
	}
	ofWorkspace := " FROM api_key_usage_hours WHERE workspace_id = '" + workspaceID + "'"
	for _, statement := range []string{
		"INSERT INTO api_key_usage_hours (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests) SELECT id, '" + workspaceID + "', " + hour +
			", route, scope, class, refusal, 1 + i % 7 FROM " + newest + ", " + numbers(days*24) + ", " + usageKinds,
		"INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests) SELECT api_key_id, workspace_id, " + day +
			" AS day, route, scope, status_class, refusal, sum(requests)" + ofWorkspace + " GROUP BY api_key_id, workspace_id, day, route, scope, status_class, refusal",
		"INSERT INTO api_key_route_uses (api_key_id, workspace_id, route, refusal, scope, requests, first_at, last_at, last_address, last_user_agent) SELECT " +
			"api_key_id, workspace_id, route, refusal, scope, sum(requests), min(starts_at), max(starts_at), '192.0.2.1', 'curl/8'" + ofWorkspace +
			" GROUP BY api_key_id, workspace_id, route, refusal, scope",
		"INSERT INTO api_key_callers (api_key_id, workspace_id, address, user_agent, accepted, refused, first_seen_at, last_seen_at, last_accepted_at, last_refusal, last_refused_route) SELECT id, '" +
			workspaceID + "', '203.0.113.' || i, 'acme-crm/4.2.1 (linux; amd64)', i, i % 3, " + ago("24 * i") + ", " + ago("i") + ", " + ago("i") + ", '', '' FROM " + newest + ", " + numbers(100),
		"UPDATE api_keys SET needed_scopes = 'meeting_requests.read meeting_requests.write members.read seats.read seats.write' WHERE id IN (SELECT id FROM " + newest + ")",
		"ANALYZE",
	} {
		s.Exec(t, statement)
	}
}
