// Rotations in their states, for the tests and for the pictures.
import { expect } from '@playwright/test'
import { listPath, makeKey } from './steps.js'

export const rotationOf = (key) => `${listPath}/${key.id}/rotation`

// rotateKey rotates a key without the page, and returns the new key.
export async function rotateKey(page, key, { scopes = [], formID = crypto.randomUUID() } = {}) {
  const form = new URLSearchParams({ form_id: formID, expiry: 'keep' })
  for (const scope of scopes) form.append('scopes', scope)
  const answer = await page.request.post(rotationOf(key), {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    data: form.toString(),
  })
  expect(answer.status(), 'rotate a key').toBe(201)
  return /value="(sk_live_\w+)"/.exec(await answer.text())[1]
}

// callAs sends a request with a key as a program that says who it is.
export const callAs = (skipup, key, agent, path = '/seats') =>
  fetch(skipup.url + '/api/v1' + path, { headers: { Authorization: 'Bearer ' + key, 'User-Agent': agent } })

// programs are callers as they are.
export const programs = [
  'crm-sync/3.2.0', 'python-requests/2.32.3', 'curl/8.5.0', 'Go-http-client/2.0', 'node-fetch/1.0 (+https://github.com/bitinn/node-fetch)',
  'okhttp/4.12.0', 'axios/1.7.2',
]

// startRotation makes a key that programs have used, and rotates it; moved of them use the new
// key already. The page then shows the rotation.
export async function startRotation(page, skipup, { name = 'CRM sync', callers = 4, moved = 0, scopes = ['seats.read', 'seats.write'] } = {}) {
  const old = await makeKey(page, { name, scopes })
  for (const agent of programs.slice(0, callers)) await callAs(skipup, old.key, agent)
  const key = await rotateKey(page, old, { scopes })
  for (const agent of programs.slice(0, moved)) await callAs(skipup, key, agent)
  await page.goto(rotationOf(old))
  await expect(page.locator('[data-caller]'), 'the callers are stored, which takes a second').toHaveCount(callers)
  await expect(page.locator('[data-caller][data-switched]')).toHaveCount(moved)
  return { old, key }
}

// quieten lets the last use of the old key of a rotation be some days ago.
export const quieten = (skipup, old, days) => {
  const at = `datetime('now', '-${days} days')`
  return skipup.exec(`UPDATE api_keys SET last_used_at = ${at} WHERE id = '${old.id}';
    UPDATE api_key_callers SET last_seen_at = ${at}, last_accepted_at = ${at}, first_seen_at = ${at} WHERE api_key_id = '${old.id}';`)
}
