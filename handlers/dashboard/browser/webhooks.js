// Webhooks: endpoints with deliveries, a receiver, and the states of their pages.
import { createServer } from 'node:http'
import { expect } from '@playwright/test'
import { dialog } from './steps.js'

export const webhooksPath = '/settings/webhooks'

// receive starts a server that records requests and responds with its current status.
export async function receive() {
  const receiver = { status: 200, got: [] }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => (body += part))
    request.on('end', () => {
      receiver.got.push({ headers: request.headers, body })
      response.writeHead(receiver.status).end(`status ${receiver.status}`)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  receiver.url = `http://127.0.0.1:${server.address().port}/hooks`
  receiver.close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return receiver
}

// makeEndpoint adds an endpoint with a request. It returns its ID, URL and secret.
export async function makeEndpoint(page, { url = 'https://hooks.example.com/skipup', description = '', events = ['member.added', 'seat.assigned'] } = {}) {
  const form = new URLSearchParams({ url, description })
  for (const event of events) form.append('events', event)
  const response = await page.request.post(webhooksPath, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, data: form.toString() })
  expect(response.status(), 'add an endpoint').toBe(201)
  const html = await response.text()
  const id = /data-after-close="[^"]*\/settings\/webhooks\/(we_\w+)"/.exec(html)[1]
  return { id, address: `${webhooksPath}/${id}`, secret: /value="(whsec_[^"]+)"/.exec(html)[1] }
}

export const deliveries = (page) => page.locator('#deliveries .delivery')

const at = (minutes) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${minutes} minutes')`

const data = '{"id":"mem_01KB5W5Y7RQ8J1Y2N8T5E3M9ZA","email":"mel@acme.test","name":"Mel Member","role":"member"}'

// deliver inserts deliveries into the database, one for each set of options, newest first.
export async function deliver(skipup, { id }, options) {
  const rows = options.map((option, i) => {
    const { type = 'member.added', status = 'success', attempts = 1, code = 200, failure = '', excerpt = 'ok', took = 84, next } = option
    const number = String(2e9 - i), when = at(-3 - 47 * i)
    return `
      INSERT INTO events (id, workspace_id, type, data, created_at) SELECT 'evt_${number}', workspace_id, '${type}', '${data}', ${when} FROM webhook_endpoints WHERE id = '${id}';
      INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, next_attempt_at, last_attempted_at,
          response_code, response_excerpt, failure, duration_ms, delivered_at, created_at)
        SELECT 'whd_${id.slice(-6)}${number}', workspace_id, id, 'evt_${number}', '${type}', '${status}', 1, ${attempts}, ${next ? at(next) : 'NULL'}, ${attempts ? when : 'NULL'},
          ${code || 'NULL'}, '${excerpt}', '${failure}', ${took}, ${status === 'success' ? when : 'NULL'}, ${when} FROM webhook_endpoints WHERE id = '${id}';`
  })
  await skipup.exec(rows.join(''))
}

// ageEvents makes all events an hour old. Their IDs contain the time.
export function ageEvents(skipup) {
  const milliseconds = Date.now() - 3_600_000
  const time = Array.from({ length: 10 }, (_, i) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[Math.floor(milliseconds / 32 ** (9 - i)) % 32])
  return skipup.exec(`UPDATE events SET id = 'evt_${time.join('')}' || substr(id, 15)`)
}

const ordinary = [
  { type: 'seat.assigned' },
  { status: 'pending', attempts: 3, code: 503, failure: 'status', excerpt: '<html><title>503 Service Temporarily Unavailable</title></html>', next: 27 },
  { type: 'meeting_request.booked', attempts: 2, took: 1204 },
  { type: 'meeting_request.organizer_changed', status: 'failed', attempts: 10, code: 0, failure: 'timeout', excerpt: '', took: 15000 },
  { type: 'webhook_endpoint.ping', code: 204, excerpt: '' },
]

// used adds an endpoint with deliveries of every kind.
async function used(page, skipup, more = []) {
  const hook = await makeEndpoint(page, { description: 'Keeps the CRM up to date', events: ['meeting_request.booked', 'member.added', 'member.deactivated', 'seat.assigned'] })
  await deliver(skipup, hook, [...ordinary, ...more])
  return hook
}

const disable = (skipup, { id }, reason) => skipup.exec(`UPDATE webhook_endpoints SET disabled_at = ${at(-200)}, disabled_reason = '${reason}' WHERE id = '${id}'`)

const open = (name) => async (page, { skipup }) => {
  const hook = await used(page, skipup)
  await page.goto(hook.address)
  await page.getByRole('link', { name, exact: true }).click()
  await expect(dialog(page)).toBeVisible()
}

// webhookStates are states as in states.js, for a signed-in admin.
export const webhookStates = {
  'webhooks-empty': (page) => page.goto(webhooksPath),
  webhooks: async (page, { skipup }) => {
    await makeEndpoint(page)
    const gone = await makeEndpoint(page, { url: 'https://relay.globex.example/in/7f3a9c1e5b', description: 'Globex, until March' })
    await makeEndpoint(page, { url: `https://${'a-very-long-name-of-a-host.'.repeat(4)}example.com/${'deep/'.repeat(20)}`, description: 'مزامنة نظام إدارة العملاء' })
    await deliver(skipup, gone, [{ status: 'failed', code: 410, failure: 'gone' }, {}, {}])
    await disable(skipup, gone, 'gone')
    await skipup.exec("UPDATE events SET id = id || 'x'; UPDATE webhook_deliveries SET event_id = event_id || 'x'")
    await used(page, skipup, Array.from({ length: 30 }, () => ({})))
    await page.goto(webhooksPath)
  },
  'webhook-new': (page) => page.goto(webhooksPath + '/new'),
  'webhook-rejected': async (page) => {
    await page.goto(webhooksPath + '/new')
    await page.getByLabel('URL').fill('https://10.0.0.7/hooks')
    await page.getByRole('button', { name: 'Add endpoint' }).click()
    await expect(page.getByText(/^URL must point to a public host/)).toBeVisible()
  },
  'webhook-secret': async (page) => {
    await page.goto(webhooksPath)
    await page.getByRole('link', { name: 'Add endpoint' }).click()
    await dialog(page).getByLabel('URL').fill('https://hooks.example.com/skipup')
    await dialog(page).getByRole('checkbox', { name: 'Booked' }).check()
    await dialog(page).getByRole('button', { name: 'Add endpoint' }).click()
    await expect(page.getByRole('textbox', { name: /^Secret for/ })).toBeFocused()
  },
  'webhook-unused': async (page) => page.goto((await makeEndpoint(page)).address),
  webhook: async (page, { skipup }) => {
    await page.goto((await used(page, skipup, Array.from({ length: 30 }, () => ({})))).address)
    await deliveries(page).nth(1).locator('summary').click()
    await page.getByText('Node', { exact: true }).click()
  },
  'webhook-no-match': async (page, { skipup }) => page.goto((await used(page, skipup)).address + '?event=api_key.deleted'),
  'webhook-failed': async (page, { skipup }) => {
    const hook = await used(page, skipup)
    await disable(skipup, hook, 'too_many_failures')
    await page.goto(hook.address)
  },
  'webhook-disabled': async (page, { skipup }) => {
    const hook = await used(page, skipup)
    await page.goto(hook.address)
    await page.request.post(hook.address + '/disable')
    await page.getByRole('button', { name: 'Send ping' }).click()
    await expect(page.getByRole('alert')).toContainText('Enable it first')
  },
  'webhook-delivery': async (page, { skipup }) => {
    await page.goto((await used(page, skipup)).address)
    await deliveries(page).nth(1).locator('summary').click()
    await deliveries(page).nth(1).getByRole('link', { name: /^whd_/ }).click()
    await expect(page.getByRole('heading', { name: 'Delivery', exact: true })).toBeVisible()
  },
  'webhook-example': open('Send example'),
  'webhook-replay': open('Replay events'),
  'webhook-replay-confirm': async (page, tools) => {
    await open('Replay events')(page, tools)
    await dialog(page).getByRole('button', { name: 'Count events' }).click()
    await expect(dialog(page).getByRole('heading', { name: /^Send \d+ events? again/ })).toBeVisible()
  },
  'webhook-curl': async (page, { skipup }) => {
    await page.goto((await used(page, skipup)).address)
    await deliveries(page).first().locator('summary').click()
    await deliveries(page).first().getByRole('link', { name: 'Copy as curl' }).click()
    await expect(dialog(page)).toBeVisible()
  },
  'webhook-edit': open('Edit'),
  'webhook-rotate': open('Rotate secret'),
  'webhook-disable': open('Disable'),
  'webhook-delete': open('Delete'),
}
