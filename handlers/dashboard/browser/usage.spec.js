// The usage of a key: the picture and its figures, by pointer, by keyboard, without a script, and
// while one looks.
import { readFile } from 'node:fs/promises'
import { expect, test } from './test.js'
import { listPath, horizontalOverflow, makeKey, useSession } from './steps.js'
import { makeUsage } from './usage.js'

const picture = (page) => page.locator('[data-picture]')
const readout = (page) => page.locator('[data-readout]')
const total = (page) => page.locator('#total')
const usagePath = (key) => `${listPath}/${key.id}/usage`

async function busyKey(page, skipup) {
  const key = await makeKey(page, { name: 'CRM sync', scopes: ['meeting_requests.read', 'meeting_requests.write', 'members.read'] })
  await makeUsage(page, { skipup, key })
  return key
}

test('from the list to the usage of a key, and from one period to another', async ({ admin, skipup }) => {
  await busyKey(admin, skipup)
  await admin.reload()
  const inList = admin.getByRole('link', { name: /^Usage: [\d,]+ requests in 30 days, [\d,]+ rejected$/ })
  const [count] = /[\d,]+/.exec(await inList.getAttribute('aria-label'))
  await inList.click()
  await expect(admin.getByRole('heading', { name: 'Usage of CRM sync' })).toBeVisible()
  await expect(total(admin), 'the list and the page agree').toHaveText(count)
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

test('the exact numbers are shown for the bar under the pointer, and for the one that the arrow keys are at', async ({ admin, skipup }) => {
  await admin.goto(usagePath(await busyKey(admin, skipup)))
  const says = (n) => admin.locator('[data-bar] title').nth(n).textContent()
  await admin.locator('[data-bar] .chart-slot').nth(12).hover({ position: { x: 4, y: 4 } })
  await expect(readout(admin)).toHaveText(await says(12))
  await admin.mouse.move(0, 0)
  await expect(readout(admin)).toHaveText('')
  await admin.getByRole('navigation', { name: 'Period' }).getByRole('link', { name: '90 days' }).focus()
  await admin.keyboard.press('Tab')
  await expect(picture(admin)).toBeFocused()
  for (const [key, bar] of [['ArrowLeft', 29], ['ArrowLeft', 28], ['Home', 0], ['ArrowLeft', 0], ['ArrowRight', 1], ['End', 29]]) {
    await admin.keyboard.press(key)
    await expect(readout(admin), key).toHaveText(await says(bar))
  }
  await admin.keyboard.press('Tab')
  await expect(readout(admin)).toHaveText('')
  await admin.keyboard.press('Enter')
  const rows = admin.getByRole('region', { name: 'Requests by status, as a table' })
  await expect(rows).toBeVisible()
  await expect(rows.locator('tbody tr')).toHaveCount(30)
  await expect(rows.locator('tfoot td').first()).toHaveText(await total(admin).textContent())
})

test('without a script there is everything but the live figures', async ({ page, skipup, otherBrowser }) => {
  await useSession(page, skipup)
  const key = await busyKey(page, skipup)
  const plain = await otherBrowser({ javaScriptEnabled: false, storageState: await page.context().storageState() })
  await plain.goto(usagePath(key))
  await expect(picture(plain)).toBeVisible()
  await plain.getByRole('link', { name: '7 days' }).click()
  await plain.getByRole('link', { name: 'By day' }).click()
  await expect(plain.locator('[data-bar]')).toHaveCount(7)
  await plain.getByText('View as table').click()
  await expect(plain.getByRole('region', { name: 'Requests by status, as a table' }).locator('tbody tr')).toHaveCount(7)
})

test('a request shows up within two seconds on the open page, where everything stays as it was', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'Live', scopes: ['members.read'] })
  await admin.goto(usagePath(key))
  await expect(admin.getByText('This key hasn’t been used.').first()).toBeVisible()
  await skipup.call('/me', key)
  await expect(total(admin)).toHaveText('1', { timeout: 20_000 })
  await admin.getByText('View as table').click()
  await picture(admin).focus()
  await admin.keyboard.press('End')
  const waits = []
  for (const [n, path] of [[2, '/me'], [3, '/workspace_members'], [4, '/seats']]) {
    const sent = Date.now()
    await skipup.call(path, key)
    await expect(total(admin)).toHaveText(String(n), { timeout: 20_000 })
    waits.push(Date.now() - sent)
  }
  // The machine may be slow at one moment; what is promised is what is usual.
  expect(Math.min(...waits), `milliseconds: ${waits}`).toBeLessThan(2000)
  await expect(admin.getByText('Missing scope: seats.read')).toBeVisible()
  await expect(picture(admin), 'the focus stays').toBeFocused()
  await expect(readout(admin), 'the numbers are the new ones').toHaveText(/: 4 requests /)
  await expect(admin.getByRole('region', { name: 'Requests by status, as a table' }), 'the table stays open').toBeVisible()
})

test('nobody asks while the page is hidden, and nothing is sent where nothing has changed', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'Quiet' })
  const answers = []
  admin.on('response', (answer) => answer.url().includes('seen=') && answers.push(answer.status()))
  await admin.goto(usagePath(key))
  await expect.poll(() => answers.length).toBeGreaterThan(2)
  expect(new Set(answers)).toEqual(new Set([204]))
  await admin.evaluate(() => Object.defineProperty(document, 'hidden', { value: true }))
  await admin.waitForTimeout(1000) // what is on its way arrives
  const asked = answers.length
  await admin.waitForTimeout(2500)
  expect(answers.length).toBe(asked)
})

test('an error takes nothing from the page', async ({ admin, skipup, faults }) => {
  const key = await makeKey(admin, { name: 'Live' })
  await admin.goto(usagePath(key))
  await admin.route('**/usage?*seen=*', (route) => route.fulfill({ status: 503, contentType: 'text/html', body: '<p>gone</p>' }))
  await admin.waitForResponse((answer) => answer.status() === 503)
  await admin.waitForTimeout(300)
  await expect(admin.getByRole('heading', { name: 'No requests in this period' })).toBeVisible()
  await admin.unroute('**/usage?*seen=*')
  await skipup.call('/me', key)
  await expect(total(admin)).toHaveText('1')
  faults.expected(/503/)
})

test('the figures can be saved', async ({ admin, skipup }) => {
  await admin.goto(usagePath(await busyKey(admin, skipup)) + '?period=7d')
  for (const [label, head] of [['Export requests (CSV)', 'starts_at,route,scope,status,refusal,requests'], ['Export callers (CSV)', 'address,user_agent,']]) {
    const [download] = await Promise.all([admin.waitForEvent('download'), admin.getByRole('link', { name: label }).click()])
    expect(await readFile(await download.path(), 'utf8')).toContain(head)
  }
})

test('nothing hangs over the edge of a small screen', async ({ admin, skipup }) => {
  await admin.setViewportSize({ width: 390, height: 844 })
  for (const path of [usagePath(await busyKey(admin, skipup)) + '?period=7d', listPath]) {
    await admin.goto(path)
    expect(await horizontalOverflow(admin), path).toBe(0)
  }
})
