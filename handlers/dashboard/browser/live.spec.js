// Live parts of pages, when requests fail, sessions expire, or forms are submitted.
import { expect, test as base } from './test.js'
import { dialog, inWorkspace, listPath, makeKey, nameToConfirm, signIn } from './steps.js'
import { startRotation } from './rotation.js'
import { deliver, deliveries, makeEndpoint, receive } from './webhooks.js'

const test = base.extend({
  receiver: async ({}, use) => {
    const receiver = await receive()
    await use(receiver)
    await receiver.close()
  },
})

test.use({ variables: { SKIPUP_WEBHOOK_ALLOW_PRIVATE: 'true' } })

const isReload = (url) => url.searchParams.has('seen')

test('keeps a page after one failed reload and updates it later', async ({ admin, skipup, faults }) => {
  const { old } = await startRotation(admin, skipup, { callers: 1 })
  await admin.evaluate(() => (window.stayed = true))
  let failed = 0
  await admin.route(isReload, (route) => (failed++ < 2 ? route.fulfill({ status: 503, contentType: 'text/html', body: '<p>Not now</p>' }) : route.continue()))
  await expect.poll(() => failed).toBeGreaterThan(2)
  await faults.expected(/^503/)
  await skipup.exec(`UPDATE api_keys SET name = 'Renamed' WHERE id = '${old.id}'`)
  await expect(admin.getByRole('heading', { name: 'Rotation of Renamed' })).toBeVisible()
  expect(await admin.evaluate(() => window.stayed)).toBe(true)
})

test('sends a form once while parts reload', async ({ admin, skipup }) => {
  await startRotation(admin, skipup, { callers: 1 })
  let sent = 0
  let release
  const released = new Promise((resolve) => (release = resolve))
  await admin.route('**/rotation/finish', async (route) => {
    if (route.request().method() === 'POST') {
      sent++
      await released
    }
    await route.continue()
  })
  await admin.getByRole('link', { name: 'Delete old key' }).click()
  await nameToConfirm(admin).fill('CRM sync')
  await dialog(admin).getByLabel('Reason').fill('Because')
  const reload = admin.waitForResponse((response) => isReload(new URL(response.url())))
  await dialog(admin).getByRole('button', { name: 'Delete old key' }).click()
  await reload
  await admin.waitForResponse((response) => isReload(new URL(response.url())))
  await dialog(admin).locator('form').evaluate((form) => form.requestSubmit())
  release()
  await expect(admin.getByRole('heading', { name: 'Rotation complete' })).toBeVisible()
  expect(sent).toBe(1)
})

test('leads to the next page when a part reloads before a form is answered', async ({ admin, skipup }) => {
  const { old } = await startRotation(admin, skipup, { callers: 1 })
  await admin.route('**/rotation/cancel', async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    const response = await route.fetch({ maxRedirects: 0 })
    await admin.waitForResponse((response) => isReload(new URL(response.url())))
    await admin.waitForRequest((request) => isReload(new URL(request.url()))) // the response is handled
    await route.fulfill({ response })
  })
  await admin.getByRole('link', { name: 'Cancel rotation' }).click()
  await dialog(admin).getByRole('button', { name: 'Delete new key' }).click()
  await expect(admin.getByText('Rotation canceled.')).toBeVisible()
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${old.id}`))
})

test('returns to the page after an expired session', async ({ admin, skipup, context, receiver }) => {
  const { old } = await startRotation(admin, skipup, { callers: 1 })
  await context.clearCookies({ name: /^skipup_session/ })
  await expect(admin).toHaveURL(/\/login/)
  await signIn(admin)
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${old.id}/rotation`))
  await expect(admin.getByRole('heading', { name: 'Rotation of CRM sync' })).toBeVisible()

  const hook = await makeEndpoint(admin, { url: receiver.url })
  await deliver(skipup, hook, [{ status: 'pending', code: 503, failure: 'status', next: 600 }])
  await skipup.exec(`UPDATE webhook_deliveries SET claim = 'x', next_attempt_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '60 seconds')`)
  await admin.goto(hook.address)
  await context.clearCookies({ name: /^skipup_session/ })
  await expect(admin).toHaveURL(/\/login/)
  await signIn(admin)
  await expect(admin).toHaveURL(inWorkspace(hook.address))
})

test('shows the retry of a delivery', async ({ admin, skipup, receiver }) => {
  const hook = await makeEndpoint(admin, { url: receiver.url })
  await deliver(skipup, hook, [{ status: 'pending', code: 503, failure: 'status', next: 5 }])
  await admin.clock.install()
  await admin.goto(hook.address)
  await expect(deliveries(admin).first()).toContainText('Retrying')
  let reloads = 0
  admin.on('request', (request) => (reloads += Number(isReload(new URL(request.url())))))
  await admin.clock.runFor(10_000)
  expect(reloads, 'no reloads before the attempt').toBe(0)
  await skipup.exec(`UPDATE webhook_deliveries SET next_attempt_at = strftime('%Y-%m-%d %H:%M:%f', 'now')`)
  await expect.poll(() => receiver.got.length).toBe(1)
  await admin.clock.fastForward('05:00')
  await expect(deliveries(admin).first()).toContainText('attempt 2')
})

test('shows a message after a part of another page has loaded', async ({ admin, skipup }) => {
  const { id } = await makeKey(admin, { name: 'CI', scopes: ['seats.read'] })
  const body = new URLSearchParams({ name: 'Nightly' }).toString()
  await admin.request.post(`${listPath}/${id}`, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, data: body, maxRedirects: 0 })
  await admin.request.get(`${listPath}/${id}/usage?seen=1`, { headers: { 'HX-Request': 'true' } })
  await admin.goto(`${listPath}/${id}`)
  await expect(admin.getByText('Key details updated')).toBeVisible()
})

test('reports an unreachable server once', async ({ admin, skipup, faults }) => {
  await startRotation(admin, skipup, { callers: 1 })
  await admin.evaluate(() => {
    window.toasts = 0
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) window.toasts += Number(node.matches?.('[data-toast]') ?? 0)
    }).observe(document.getElementById('toasts'), { childList: true })
  })
  const toasts = () => admin.evaluate(() => window.toasts)
  let reloads = 0
  const unreachable = (route) => (reloads++, route.abort())
  await admin.route(isReload, unreachable)
  await expect.poll(() => reloads).toBeGreaterThan(2)
  await expect(admin.getByText('Can’t reach the server.')).toBeVisible()
  expect(await toasts()).toBe(1)
  await admin.unroute(isReload, unreachable)
  await admin.waitForResponse((response) => isReload(new URL(response.url())))
  await admin.route(isReload, unreachable)
  await expect.poll(toasts).toBe(2)
  await faults.expected(/ERR_FAILED|Failed to fetch/)
})

test('shows the list when the review fails', async ({ admin, faults }) => {
  await makeKey(admin)
  await admin.route('**/api-keys/review', (route) => route.fulfill({ status: 503, contentType: 'text/html', body: '<p>Not now</p>' }))
  await admin.addInitScript(() => {
    window.navigations = 0
    navigation.addEventListener('navigate', () => window.navigations++)
    document.addEventListener('htmx:finally:request', () => (window.handled = true))
  })
  await admin.goto(listPath)
  await admin.waitForFunction(() => window.handled)
  await faults.expected(/^503/)
  await expect(admin.locator('#review').getByRole('link', { name: 'Review keys' })).toBeVisible()
  expect(await admin.evaluate(() => window.navigations)).toBe(0)
})
