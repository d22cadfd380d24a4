// The keys of a workspace as it looks after a year.
import { ada, listPath, makeKey } from './steps.js'

const readOnly = ['meeting_requests.read', 'members.read', 'webhooks.read', 'api_keys.read', 'seats.read']

// Ages, and the time to the expiry, are in days; the last use is so many minutes ago.
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

// older are keys like those of the team, from before it.
const older = (count) => Array.from({ length: count }, (_, i) => {
  const like = team[1 + (i % (team.length - 1))]
  return { ...like, name: `${like.name} ${2 + Math.floor(i / 10)}`, age: 341 + 2 * (count - i) }
})

// makeTeam makes the keys of the team and as many older ones as are asked for, one after the
// other since the list sorts by that, and lets their times be as long ago as they say.
export async function makeTeam(page, { skipup, more = 0 }) {
  const made = {}
  const statements = []
  for (const { name, scopes, age, used, expires, deleted } of [...older(more), ...team]) {
    made[name] = await makeKey(page, { name, scopes })
    const set = [`created_at = ${days(-age)}`]
    if (used) set.push(`last_used_at = ${at(-used)}, last_used_address = '203.0.113.42', last_used_user_agent = 'curl/8.5.0'`)
    if (expires) set.push(`expires_at = ${days(expires)}`)
    if (deleted) {
      await page.request.post(`${listPath}/${made[name].id}/delete`)
      set.push(`deleted_at = ${days(-deleted)}`)
    }
    statements.push(`UPDATE api_keys SET ${set.join(', ')} WHERE id = '${made[name].id}';`)
  }
  statements.push(`DROP TRIGGER audit_events_kept; UPDATE audit_events SET created_at = (
    SELECT CASE action WHEN 'api_key.deleted' THEN deleted_at ELSE api_keys.created_at END FROM api_keys WHERE api_keys.id = target_id
  ) WHERE target_type = 'api_key';`)
  await skipup.exec(statements.join('\n'))
  return made
}
