// Rotations in every state, for tests and screenshots.
import { expect } from '@playwright/test'
import { listPath, makeKey } from './steps.js'

export const rotationOf = (key) => `${listPath}/${key.id}/rotation`

// rotateKey rotates a key with a request, and returns the new key.
export async function rotateKey(page, key, { scopes = [], formID = crypto.randomUUID() } = {}) {
  const form = new URLSearchParams({ form_id: formID, expiry: 'keep' })
  for (const scope of scopes) form.append('scopes', scope)
  const response = await page.request.post(rotationOf(key), {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    data: form.toString(),
  })
  expect(response.status(), 'rotate a key').toBe(201)
  return /value="(sk_live_\w+)"/.exec(await response.text())[1]
}

// callAs sends an API request with a key and a user agent.
export const callAs = (skipup, key, agent, path = '/seats') =>
  fetch(skipup.url + '/api/v1' + path, { headers: { Authorization: 'Bearer ' + key, 'User-Agent': agent } })

// userAgents are those of real clients.
export const userAgents = [
  'crm-sync/3.2.0', 'python-requests/2.32.3', 'curl/8.5.0', 'Go-http-client/2.0', 'node-fetch/1.0 (+https://github.com/bitinn/node-fetch)',
  'okhttp/4.12.0', 'axios/1.7.2',
]

// startRotation creates a key with a number of callers, rotates it, and opens the rotation page. Some
// of the callers, as many as switched, have switched to the new key.
export async function startRotation(page, skipup, { name = 'CRM sync', callers = 4, switched = 0, scopes = ['seats.read', 'seats.write'] } = {}) {
  const old = await makeKey(page, { name, scopes })
  for (const agent of userAgents.slice(0, callers)) await callAs(skipup, old.key, agent)
  const key = await rotateKey(page, old, { scopes })
  for (const agent of userAgents.slice(0, switched)) await callAs(skipup, key, agent)
  await page.goto(rotationOf(old))
  await expect(page.locator('[data-caller]'), 'callers after their requests are stored').toHaveCount(callers)
  await expect(page.locator('[data-caller][data-switched]')).toHaveCount(switched)
  return { old, key }
}

// ageLastUse moves the last use of a key and its callers to some days ago.
export const ageLastUse = (skipup, key, days) => {
  const at = `datetime('now', '-${days} days')`
  return skipup.exec(`UPDATE api_keys SET last_used_at = ${at} WHERE id = '${key.id}';
    UPDATE api_key_callers SET last_seen_at = ${at}, last_accepted_at = ${at}, first_seen_at = ${at} WHERE api_key_id = '${key.id}';`)
}
