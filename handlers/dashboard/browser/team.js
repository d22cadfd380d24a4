// The keys of a workspace after a year of use.
import { ada, listPath, makeKey } from './steps.js'

const readOnly = ['meeting_requests.read', 'members.read', 'webhooks.read', 'api_keys.read', 'seats.read']

// Ages, deletions, and times until expiry are in days; last uses are in minutes ago.
export const team = [
  { name: 'Old CRM sync', scopes: ['meeting_requests.read'], age: 340, used: 300_000, deleted: 200 },
  { name: 'Health check', scopes: [], age: 300, used: 5 },
  { name: 'CRM sync', scopes: ['meeting_requests.read', 'meeting_requests.write', 'members.read'], age: 210, used: 2 },
  { name: 'Warehouse export', scopes: readOnly, age: 150, used: 300 },
  { name: 'Migration, one-off', scopes: ['meeting_requests.write', 'members.write'], age: 120, deleted: 100 },
  { name: 'CI', scopes: ['meeting_requests.read'], age: 84, used: 11, expires: 6 },
  { name: 'Billing report', scopes: ['seats.read'], age: 65, used: 60_000, expires: -35 },
  { name: 'Onboarding robot', scopes: ['members.read', 'members.write', 'seats.read', 'seats.write'], age: 40, used: 60, expires: 325 },
  { name: 'Booking page', scopes: ['meeting_requests.write'], age: 20, used: 1, expires: 70 },
  { name: 'Event relay', scopes: ['webhooks.read', 'webhooks.write'], age: 12, expires: 78 },
  { name: 'Key rotation', scopes: ['api_keys.read', 'api_keys.write', 'members.read', 'webhooks.write'], age: 2, used: 400, expires: 28 },
]

const at = (minutes) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${minutes} minutes')`
const days = (n) => at(n * 1440)

// older returns more keys like the team's, with earlier creation times.
const older = (count) => Array.from({ length: count }, (_, i) => {
  const like = team[1 + (i % (team.length - 1))]
  return { ...like, name: `${like.name} ${2 + Math.floor(i / 10)}`, age: 341 + 2 * (count - i) }
})

// makeTeam creates the team's keys and a number of older ones, with their times. It creates them one
// at a time because the list sorts by creation. It returns them by name.
export async function makeTeam(page, { skipup, more = 0 }) {
  const keys = {}
  const statements = []
  for (const { name, scopes, age, used, expires, deleted } of [...older(more), ...team]) {
    keys[name] = await makeKey(page, { name, scopes })
    const set = [`created_at = ${days(-age)}`]
    if (used) set.push(`last_used_at = ${at(-used)}, last_used_address = '203.0.113.42', last_used_user_agent = 'curl/8.5.0'`)
    if (expires) set.push(`expires_at = ${days(expires)}`)
    if (deleted) {
      await page.request.post(`${listPath}/${keys[name].id}/delete`)
      set.push(`deleted_at = ${days(-deleted)}`)
    }
    statements.push(`UPDATE api_keys SET ${set.join(', ')} WHERE id = '${keys[name].id}';`)
  }
  statements.push(`DROP TRIGGER audit_events_kept; UPDATE audit_events SET created_at = (
    SELECT CASE action WHEN 'api_key.created' THEN api_keys.created_at ELSE deleted_at END FROM api_keys WHERE api_keys.id = target_id
  ) WHERE target_type = 'api_key';`)
  await skipup.exec(statements.join('\n'))
  return keys
}
