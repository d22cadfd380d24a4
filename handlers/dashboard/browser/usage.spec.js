// The usage page of a key: the chart, its numbers, and live updates.
import { readFile } from 'node:fs/promises'
import { expect, test } from './test.js'
import { horizontalOverflow, inWorkspace, listPath, makeKey, useSession } from './steps.js'
import { makeUsage } from './usage.js'

const chart = (page) => page.locator('[data-picture]')
const readout = (page) => page.locator('[data-readout]')
const total = (page) => page.locator('#total')
const usagePath = (key) => `${listPath}/${key.id}/usage`

async function busyKey(page, skipup) {
  const key = await makeKey(page, { name: 'CRM sync', scopes: ['meeting_requests.read', 'meeting_requests.write', 'members.read'] })
  await makeUsage(page, { skipup, key })
  return key
}

test('links from the list to the usage of a key, and switches periods', async ({ admin, skipup }) => {
  await busyKey(admin, skipup)
  await admin.reload()
  const inList = admin.getByRole('link', { name: /^Usage: [\d,]+ requests in 30 days, [\d,]+ rejected$/ })
  const [count] = /[\d,]+/.exec(await inList.getAttribute('aria-label'))
  await inList.click()
  await expect(admin.getByRole('heading', { name: 'Usage of CRM sync' })).toBeVisible()
  await expect(total(admin), 'the same total as in the list').toHaveText(count)
  const period = admin.getByRole('navigation', { name: 'Period' })
  for (const [label, bars] of Object.entries({ '24 hours': 24, '7 days': 168, '90 days': 90, '30 days': 30 })) {
    await period.getByRole('link', { name: label }).click()
    await expect(period.getByRole('link', { name: label })).toHaveAttribute('aria-current', 'page')
    await expect(admin.locator('[data-bar]')).toHaveCount(bars)
  }
  await period.getByRole('link', { name: '7 days' }).click()
  await admin.getByRole('link', { name: 'By day' }).click()
  await expect(admin.locator('[data-bar]')).toHaveCount(7)
})

test('shows the numbers of the bar under the pointer or selected with arrow keys', async ({ admin, skipup }) => {
  await admin.goto(usagePath(await busyKey(admin, skipup)))
  const title = (n) => admin.locator('[data-bar] title').nth(n).textContent()
  await admin.locator('[data-bar] .chart-slot').nth(12).hover({ position: { x: 4, y: 4 } })
  await expect(readout(admin)).toHaveText(await title(12))
  await admin.mouse.move(0, 0)
  await expect(readout(admin)).toHaveText('')
  await admin.getByRole('navigation', { name: 'Period' }).getByRole('link', { name: '90 days' }).focus()
  await admin.keyboard.press('Tab')
  await expect(chart(admin)).toBeFocused()
  for (const [key, bar] of [['ArrowLeft', 29], ['ArrowLeft', 28], ['Home', 0], ['ArrowLeft', 0], ['ArrowRight', 1], ['End', 29]]) {
    await admin.keyboard.press(key)
    await expect(readout(admin), key).toHaveText(await title(bar))
  }
  await admin.keyboard.press('Tab')
  await expect(readout(admin)).toHaveText('')
  await admin.keyboard.press('Enter')
  const rows = admin.getByRole('region', { name: 'Requests by status, as a table' })
  await expect(rows).toBeVisible()
  await expect(rows.locator('tbody tr')).toHaveCount(30)
  await expect(rows.locator('tfoot td').first()).toHaveText(await total(admin).textContent())
})

test('shows everything but live updates without JavaScript', async ({ page, skipup, otherBrowser }) => {
  await useSession(page, skipup)
  const key = await busyKey(page, skipup)
  const plain = await otherBrowser({ javaScriptEnabled: false, storageState: await page.context().storageState() })
  await plain.goto(usagePath(key))
  await expect(chart(plain)).toBeVisible()
  await plain.getByRole('link', { name: '7 days' }).click()
  await plain.getByRole('link', { name: 'By day' }).click()
  await expect(plain.locator('[data-bar]')).toHaveCount(7)
  await plain.getByRole('searchbox', { name: 'Filter by IP address' }).fill('acme-crm/4.2')
  await plain.getByRole('button', { name: 'Filter' }).click()
  await expect(plain.getByText('1 of 3 callers')).toBeVisible()
  await expect(plain.locator('[data-bar]'), 'in the same period').toHaveCount(7)
  await plain.getByText('View as table').click()
  await expect(plain.getByRole('region', { name: 'Requests by status, as a table' }).locator('tbody tr')).toHaveCount(7)
})

test('shows a request within two seconds and keeps the state of the page', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'Live', scopes: ['members.read'] })
  await admin.goto(usagePath(key))
  await expect(admin.getByText('This key hasn’t been used.').first()).toBeVisible()
  await skipup.call('/me', key)
  await expect(total(admin)).toHaveText('1')
  await admin.getByText('View as table').click()
  await chart(admin).focus()
  await admin.keyboard.press('End')
  const delays = []
  for (const [n, path] of [[2, '/me'], [3, '/workspace_members'], [4, '/seats']]) {
    const sent = Date.now()
    await skipup.call(path, key)
    await expect(total(admin)).toHaveText(String(n))
    delays.push(Date.now() - sent)
  }
  // On a slow machine, requests take long themselves, so the promise is relative to a page load.
  const start = Date.now()
  await admin.request.get(usagePath(key))
  const slowness = Math.max(1, (Date.now() - start) / 100)
  expect(Math.min(...delays), `fastest of ${delays} ms`).toBeLessThan(2000 * slowness)
  await expect(admin.getByText('Missing scope: seats.read')).toBeVisible()
  await expect(chart(admin), 'the focus stays').toBeFocused()
  await expect(readout(admin), 'the numbers are updated').toHaveText(/: 4 requests /)
  await expect(admin.getByRole('region', { name: 'Requests by status, as a table' }), 'the table stays open').toBeVisible()
})

test('reloads nothing that is unchanged, and nothing while the page is hidden', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'Quiet' })
  let reloads = 0
  const statuses = []
  admin.on('request', (request) => request.url().includes('seen=') && reloads++)
  admin.on('response', (response) => response.url().includes('seen=') && statuses.push(response.status()))
  await admin.clock.install()
  await admin.goto(usagePath(key))
  await expect(async () => {
    await admin.clock.runFor(2000)
    expect(statuses.length).toBeGreaterThan(2)
  }).toPass()
  expect(new Set(statuses)).toEqual(new Set([204]))
  await admin.evaluate(() => Object.defineProperty(document, 'hidden', { value: true }))
  await admin.clock.runFor(100)
  const before = reloads
  await admin.clock.runFor(20_000)
  expect(reloads).toBe(before)
})

test('keeps the page after a failed reload', async ({ admin, skipup, faults }) => {
  const key = await makeKey(admin, { name: 'Live' })
  await admin.goto(usagePath(key))
  await admin.route('**/usage?*seen=*', (route) => route.fulfill({ status: 503, contentType: 'text/html', body: '<p>gone</p>' }))
  for (let i = 0; i < 2; i++) await admin.waitForResponse((response) => response.status() === 503) // the first is handled
  await expect(admin.getByRole('heading', { name: 'No requests in this period' })).toBeVisible()
  await admin.unroute('**/usage?*seen=*')
  await skipup.call('/me', key)
  await expect(total(admin)).toHaveText('1')
  await faults.expected(/503/)
})

test('filters callers and keeps the filter during live updates', async ({ admin, skipup }) => {
  const key = await busyKey(admin, skipup)
  await admin.goto(usagePath(key) + '?period=7d')
  const card = admin.getByRole('region', { name: 'Callers' })
  const field = card.getByRole('searchbox')
  const callers = card.locator('tbody tr')
  const sums = card.locator('tfoot tr')
  await expect(callers).toHaveCount(3)
  await expect(sums).toHaveCount(1)
  const [sum] = await sums.allInnerTexts()
  await admin.evaluate(() => (window.stillTheSamePage = true))
  await field.pressSequentially('ACME 203.0.113.0/24')
  await expect(card.getByRole('status')).toHaveText('2 of 3 callers')
  await expect(callers).toHaveCount(2)
  await expect(sums).toHaveText([/^Callers shown \(all time\)/, /^All callers \(all time\)/])
  expect((await sums.last().innerText()).replace(/^\D+/, ''), 'the sum of all').toBe(sum.replace(/^\D+/, ''))
  await expect(admin).toHaveURL(inWorkspace(usagePath(key) + '?period=7d&caller=ACME+203.0.113.0%2F24'))
  await expect(field, 'keeps the focus').toBeFocused()

  const before = await total(admin).textContent()
  await skipup.call('/me', key)
  await expect(total(admin), 'after a live update').not.toHaveText(before)
  await expect(card.getByRole('status')).toHaveText('2 of 4 callers')
  await expect(field).toHaveValue('ACME 203.0.113.0/24')
  await admin.getByRole('link', { name: '24 hours' }).click()
  await expect(card.getByRole('status'), 'in another period').toHaveText('2 of 4 callers')

  await field.fill('2001:DB8:')
  await expect(callers).toHaveText([/python-requests/])
  await field.fill('nothing like it')
  await expect(card.getByRole('heading', { name: 'No callers match' })).toBeVisible()
  await field.fill(key.key)
  await expect(admin, 'without the key').toHaveURL(/caller=sk_live_\w{4}\.\.\.\.$/)
  await card.getByRole('link', { name: 'Show all callers' }).click()
  await expect(callers).toHaveCount(4)
})

test('exports requests and callers as CSV', async ({ admin, skipup }) => {
  await admin.goto(usagePath(await busyKey(admin, skipup)) + '?period=7d')
  for (const [label, head] of [['Export requests (CSV)', 'starts_at,route,scope,status,refusal,requests'], ['Export callers (CSV)', 'address,user_agent,']]) {
    const [download] = await Promise.all([admin.waitForEvent('download'), admin.getByRole('link', { name: label }).click()])
    expect(await readFile(await download.path(), 'utf8')).toContain(head)
  }
})

test('fits a small screen', async ({ admin, skipup }) => {
  await admin.setViewportSize({ width: 390, height: 844 })
  for (const path of [usagePath(await busyKey(admin, skipup)) + '?period=7d', listPath]) {
    await admin.goto(path)
    expect(await horizontalOverflow(admin), path).toBe(0)
  }
})
