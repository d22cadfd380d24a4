// Realistic usage of a key, inserted into the database as the server would have counted it.

// Route, required scope, status class, reason for the rejection, and requests in a busy hour.
const kinds = [
  ['GET /meeting_requests', 'meeting_requests.read', 2, '', 120],
  ['GET /workspace_members', 'members.read', 2, '', 40],
  ['POST /meeting_requests', 'meeting_requests.write', 2, '', 22],
  ['POST /meeting_requests', 'meeting_requests.write', 4, '', 3],
  ['GET /meeting_requests', 'meeting_requests.read', 5, '', 1],
  ['GET /seats', 'seats.read', 4, 'scope', 2],
  ['GET /me', '', 2, '', 4],
]

const callers = [
  ['203.0.113.42', 'acme-crm/4.2.1 (linux; amd64)', -2160, 0],
  ['203.0.113.43', 'acme-crm/4.1.0 (linux; amd64)', -2160, -240],
  ['2001:db8:85a3::8a2e:370:7334', 'python-requests/2.32.3', -40, -2],
]

// Each caller's share of a sum: 70%, 20%, and the rest.
const part = (sum, i) => [`7 * (${sum}) / 10`, `2 * (${sum}) / 10`, `(${sum}) - 7 * (${sum}) / 10 - 2 * (${sum}) / 10`][i]

// waves varies by time of day, weekday, and hour.
const waves = `(0.25 + 0.75 * (CAST(strftime('%H', at) AS integer) BETWEEN 7 AND 18)) *
  (1 - 0.6 * (strftime('%w', at) IN ('0', '6'))) * (0.7 + (hour * 7919 % 61) / 100.0)`

const columns = 'api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests'

// makeUsage gives a key some days of usage that end now.
export async function makeUsage(page, { skipup, key, days = 90, scale = 1 }) {
  const insert = kinds.map(([route, scope, status, refusal, times]) => `
    INSERT INTO api_key_usage_hours (${columns})
    SELECT '${key.id}', (SELECT workspace_id FROM api_keys WHERE id = '${key.id}'), at, '${route}', '${scope}', ${status}, '${refusal}', requests
    FROM (SELECT at, CAST(round(${times * scale} * ${waves}) AS integer) AS requests FROM hours) WHERE requests > 0;`)
  const sum = (where) => `SELECT coalesce(sum(requests), 0) FROM api_key_usage_hours WHERE api_key_id = '${key.id}' AND ${where}`
  const ago = (hours) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${hours} hours')`
  await skipup.exec(`
    CREATE TEMP TABLE hours AS
    WITH RECURSIVE numbers(hour) AS (SELECT 0 UNION ALL SELECT hour + 1 FROM numbers WHERE hour < ${days * 24 - 1})
    SELECT hour, strftime('%Y-%m-%d %H:00:00.000', 'now', '-' || hour || ' hours') AS at FROM numbers;
    ${insert.join('')}
    INSERT INTO api_key_usage_days (${columns})
    SELECT api_key_id, workspace_id, strftime('%Y-%m-%d 00:00:00.000', starts_at) AS day, route, scope, status_class, refusal, sum(requests)
    FROM api_key_usage_hours WHERE api_key_id = '${key.id}' GROUP BY day, route, status_class, refusal;
    INSERT INTO api_key_route_uses
    SELECT api_key_id, workspace_id, route, refusal, scope, sum(requests), min(starts_at), max(starts_at), '203.0.113.42', 'acme-crm/4.2.1 (linux; amd64)'
    FROM api_key_usage_hours WHERE api_key_id = '${key.id}' GROUP BY route, refusal;
    ${callers.map(([address, agent, first, last], i) => `
    INSERT INTO api_key_callers
    SELECT id, workspace_id, '${address}', '${agent}', ${part(sum("refusal = ''"), i)}, ${part(sum("refusal <> ''"), i)},
      ${ago(first)}, ${ago(last)}, ${ago(last)}, NULL, NULL, '', '', x'' FROM api_keys WHERE id = '${key.id}';`).join('')}
    DROP TABLE hours;`)
}
