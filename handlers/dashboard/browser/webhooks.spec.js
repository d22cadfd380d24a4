// Settings > Webhooks, with a real receiver.
import { expect, test as base } from './test.js'
import { ada, dialog, inWorkspace, nameToConfirm, shell, tabTo } from './steps.js'
import { ageEvents, deliver, deliveries, webhooksPath, makeEndpoint, receive } from './webhooks.js'

const test = base.extend({
  receiver: async ({}, use) => {
    const receiver = await receive()
    await use(receiver)
    await receiver.close()
  },
})

test.use({ variables: { SKIPUP_WEBHOOK_ALLOW_PRIVATE: 'true' } })

const shownSecret = (page) => page.getByRole('textbox', { name: /^Secret for/ })
const newest = (page) => deliveries(page).first()
const statusFilter = (page) => page.getByLabel('Status', { exact: true })

test('adds an endpoint, sends a ping that fails, and retries it in place', async ({ admin, receiver }) => {
  await admin.getByRole('link', { name: 'Webhooks' }).click()
  await admin.getByRole('link', { name: 'Add endpoint' }).click()
  await expect(dialog(admin).getByLabel('URL')).toBeFocused()
  await dialog(admin).getByLabel('URL').fill(receiver.url)
  await dialog(admin).getByRole('button', { name: 'Add endpoint' }).click()
  await expect(dialog(admin).getByText('Select at least one event.')).toBeVisible()
  await expect(dialog(admin).getByLabel('URL')).toHaveValue(receiver.url)
  await dialog(admin).getByRole('checkbox', { name: 'Booked' }).check()
  await dialog(admin).getByRole('button', { name: 'Add endpoint' }).click()
  await expect(shownSecret(admin)).toBeFocused()
  const secret = await shownSecret(admin).inputValue()
  expect(secret).toMatch(/^whsec_/)
  await admin.keyboard.press('Escape')
  await expect(admin.getByText('You haven’t copied this secret. Close again to leave without copying.')).toBeVisible()
  await dialog(admin).getByRole('link', { name: 'Done' }).click()
  await expect(admin).toHaveURL(/\/settings\/webhooks\/we_/)
  expect(await admin.content()).not.toContain(secret)

  await admin.evaluate(() => (window.stayed = true))
  receiver.status = 503
  await admin.getByRole('button', { name: 'Send ping' }).click()
  await expect(newest(admin)).toContainText('HTTP 503')
  await expect(admin.locator('#endpoint')).toContainText('Failing')
  await newest(admin).locator('summary').click()
  await expect(newest(admin)).toContainText('status 503')
  await expect(newest(admin)).not.toHaveAttribute('data-live')

  receiver.status = 200
  await newest(admin).getByRole('button', { name: /^Retry/ }).click()
  await expect(newest(admin)).toContainText('HTTP 200 · attempt 2')
  await expect(newest(admin).getByText('status 200'), 'the details stay open').toBeVisible()
  await expect(admin.locator('#endpoint')).toContainText('Enabled')
  expect(await admin.evaluate(() => window.stayed), 'without a page load').toBe(true)
  expect(receiver.got.map(({ headers }) => headers['webhook-id'])).toHaveLength(2)
  expect(new Set(receiver.got.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('a delivered row stops refreshing', async ({ admin, receiver }) => {
  const { address } = await makeEndpoint(admin, { url: receiver.url })
  await admin.clock.install()
  await admin.goto(address)
  let requests = 0
  admin.on('request', (request) => (requests += Number(request.url().includes('/deliveries/'))))
  await admin.getByRole('button', { name: 'Send ping' }).click()
  await expect(newest(admin)).toContainText('HTTP 200')
  const before = requests
  await admin.clock.runFor(5000)
  expect(requests).toBe(before)
})

test('a ping shows and clears the filters', async ({ admin, receiver }) => {
  const { address } = await makeEndpoint(admin, { url: receiver.url })
  await admin.goto(address)
  await expect(statusFilter(admin)).toHaveCount(0)
  await admin.getByRole('button', { name: 'Send ping' }).click()
  await expect(newest(admin)).toContainText('HTTP 200')
  await statusFilter(admin).selectOption('Failed')
  await expect(admin.getByRole('heading', { name: 'No deliveries match' })).toBeVisible()
  await admin.getByRole('button', { name: 'Send ping' }).click()
  await expect(deliveries(admin)).toHaveCount(2)
  await expect(statusFilter(admin)).toHaveValue('')
  await expect(admin).toHaveURL(inWorkspace(address))
})

test('works with the keyboard', async ({ admin, receiver }) => {
  const { address } = await makeEndpoint(admin, { url: receiver.url })
  await admin.goto(address)
  await tabTo(admin, admin.getByRole('button', { name: 'Send ping' }))
  await admin.keyboard.press('Enter')
  await expect(newest(admin)).toContainText('HTTP 200')
  await expect(admin.getByRole('button', { name: 'Send ping' })).toBeFocused()
  await tabTo(admin, newest(admin).getByRole('button', { name: 'Send again' }))
  await admin.keyboard.press('Enter')
  await expect(newest(admin)).toContainText('attempt 2')
  await expect(newest(admin).getByRole('button', { name: 'Send again' })).toBeFocused()

  await statusFilter(admin).focus()
  await statusFilter(admin).evaluate((field) => (field.stayed = true))
  await admin.keyboard.press('F')
  await expect(admin.getByRole('heading', { name: 'No deliveries match' })).toBeVisible()
  await expect(admin).toHaveURL(inWorkspace(address + '?status=failed'))
  await expect(statusFilter(admin)).toHaveValue('failed')
  await expect(statusFilter(admin)).toBeFocused()
  expect(await statusFilter(admin).evaluate((field) => field.stayed), 'the next letters go to the same field').toBe(true)

  await admin.getByRole('radio', { name: 'Go' }).focus()
  await admin.keyboard.press('ArrowRight')
  await expect(admin.locator('#verify-node')).toBeVisible()
  await expect(admin.locator('#verify-go')).toBeHidden()

  await admin.getByRole('link', { name: 'Disable' }).focus()
  await admin.keyboard.press('Enter')
  await dialog(admin).getByRole('button', { name: 'Disable endpoint' }).focus()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('heading', { name: 'This endpoint is disabled' })).toBeVisible()
  await admin.getByRole('button', { name: 'Enable endpoint' }).focus()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('button', { name: 'Send ping' })).toBeVisible()
})

test('retries all that failed, replays a period, sends an example, and copies as curl', async ({ admin, receiver, skipup, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await ageEvents(skipup) // Ada was added
  const hook = await makeEndpoint(admin, { url: receiver.url })
  const failed = { status: 'failed', attempts: 10, code: 503, failure: 'status' }
  await deliver(skipup, hook, [failed, failed, {}])
  const received = () => receiver.got.map(({ headers, body }) => ({ id: headers['webhook-id'], ...JSON.parse(body) }))
  await admin.goto(hook.address)
  await expect(deliveries(admin).filter({ hasText: 'HTTP 503' })).toHaveCount(2)
  await admin.getByRole('button', { name: 'Retry all failed' }).click()
  await expect(admin.getByText('Retrying 2 deliveries')).toBeVisible()
  await expect(deliveries(admin).filter({ hasText: 'HTTP 200 · attempt 11' })).toHaveCount(2)
  await expect(admin.getByRole('button', { name: 'Retry all failed' })).toHaveCount(0)
  expect(new Set(received().map(({ id }) => id)).size).toBe(2)

  await admin.getByRole('link', { name: 'Replay events' }).click()
  await dialog(admin).getByRole('button', { name: 'Count events' }).click()
  await dialog(admin).getByRole('button', { name: 'Send 1 event' }).click()
  await expect(admin.getByText('Sending 1 event again')).toBeVisible()
  await expect.poll(() => received()[2]).toMatchObject({ type: 'member.added', data: { email: ada.email } })

  await admin.getByRole('link', { name: 'Send example' }).click()
  await dialog(admin).getByLabel('Event').selectOption('seat.assigned')
  await dialog(admin).getByRole('button', { name: 'Send example' }).click()
  await expect.poll(() => received().at(-1)).toMatchObject({ type: 'seat.assigned', test: true })

  const example = deliveries(admin).filter({ hasText: 'seat.assigned' })
  await expect(example).toContainText('HTTP 200')
  await example.locator('summary').click()
  await example.getByRole('link', { name: 'Copy as curl' }).click()
  await dialog(admin).getByRole('button', { name: /^Copy/ }).click()
  await expect.poll(() => admin.evaluate(() => navigator.clipboard.readText())).toMatch(/^curl /)
  const first = receiver.got.at(-1)
  expect(await shell((await admin.evaluate(() => navigator.clipboard.readText())) + ' -s')).toBe('status 200')
  expect(receiver.got).toHaveLength(5)
  expect(receiver.got.at(-1).body).toBe(first.body)
  expect(receiver.got.at(-1).headers['webhook-id']).toBe(first.headers['webhook-id'])
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('manages an endpoint', async ({ admin, receiver }) => {
    receiver.status = 410
    await admin.goto(webhooksPath)
    await admin.getByRole('link', { name: 'Add endpoint' }).click()
    await admin.getByLabel('URL').fill(receiver.url)
    await admin.getByRole('button', { name: 'Add endpoint' }).click()
    await expect(admin.getByText('Select at least one event.')).toBeVisible()
    await expect(admin.getByLabel('URL')).toHaveValue(receiver.url)
    await admin.getByRole('checkbox', { name: 'Booked' }).check()
    await admin.getByRole('button', { name: 'Add endpoint' }).click()
    await expect(shownSecret(admin)).toHaveValue(/^whsec_/)
    await admin.getByRole('link', { name: 'Done' }).click()

    await admin.getByRole('button', { name: 'Send ping' }).click()
    await expect(async () => {
      await admin.reload()
      await expect(newest(admin)).toContainText('HTTP 410 Gone', { timeout: 500 })
    }).toPass()
    await expect(admin.getByRole('heading', { name: 'Your server returned 410 Gone' })).toBeVisible()
    await admin.getByText('Python', { exact: true }).click()
    await expect(admin.locator('#verify-python')).toBeVisible()

    receiver.status = 200
    await admin.getByRole('button', { name: 'Enable endpoint' }).click()
    await newest(admin).getByRole('button', { name: /^Retry/ }).click()
    await expect(admin).toHaveURL(/\/deliveries\//)
    await expect(async () => {
      await admin.reload()
      await expect(newest(admin)).toContainText('HTTP 200', { timeout: 500 })
    }).toPass()
    await admin.getByRole('link', { name: 'Rotate secret' }).click()
    await admin.getByRole('button', { name: 'Rotate secret' }).click()
    await expect(admin.getByText(/^For 24 hours/)).toBeVisible()
    await admin.getByRole('link', { name: 'Done' }).click()
    await admin.getByRole('link', { name: 'Delete', exact: true }).click()
    await admin.getByRole('button', { name: 'Delete endpoint' }).click()
    await expect(nameToConfirm(admin)).toHaveAccessibleDescription(/^The name doesn’t match\./)
    await nameToConfirm(admin).fill(new URL(receiver.url).host)
    await admin.getByRole('button', { name: 'Delete endpoint' }).click()
    await expect(admin.getByText('Add your first endpoint')).toBeVisible()
  })
})
