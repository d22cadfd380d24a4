// Changing a key's scopes and expiry.
import { expect, test } from './test.js'
import { listPath, makeKey } from './steps.js'

const box = (page, scope) => page.locator(`input[name=scopes][value="${scope}"]`)
const save = (page) => page.locator('[data-submit]').click()

test('changes scopes with effect on the next request', async ({ admin, skipup }) => {
  const { id, key } = await makeKey(admin, { name: 'Sync', scopes: ['meeting_requests.read'] })
  expect((await skipup.call('/meeting_requests', { key })).status).toBe(200)
  await admin.goto(`${listPath}/${id}`)
  await admin.getByRole('link', { name: 'Edit access' }).click()
  await expect(box(admin, 'meeting_requests.read')).toBeChecked()
  await expect(admin.getByText('Requests that need a removed scope will return 403')).toBeHidden()
  await box(admin, 'meeting_requests.read').uncheck()
  await box(admin, 'api_keys.read').check()
  await expect(admin.getByText('Blocks GET /meeting_requests and GET /meeting_requests/:id.')).toBeVisible()
  await expect(admin.getByText('Allows GET /api_keys, GET /api_keys/:id, and GET /api_keys/:id/usage.')).toBeVisible()
  await expect(admin.getByText('Requests that need a removed scope will return 403')).toBeVisible()
  await save(admin)
  await expect(admin.getByRole('status').filter({ hasText: /^Changed the access of “/ })).toBeVisible()
  expect((await skipup.call('/meeting_requests', { key })).status).toBe(403)
  expect((await skipup.call('/api_keys', { key })).status).toBe(200)
  await expect(admin.getByText(/^Ada Admin changed access for this key/)).toBeVisible()
})

test('rejects an expiry in the past and keeps the selection', async ({ admin }) => {
  const { id } = await makeKey(admin, { name: 'Sync' })
  await admin.goto(`${listPath}/${id}/access`)
  await box(admin, 'seats.read').check()
  await admin.locator('input[name=expiry][value=date]').check()
  await admin.locator('#expiry-date').fill('2020-01-01')
  await save(admin)
  await expect(admin.getByText('Expiry must be in the future.')).toBeVisible()
  await expect(box(admin, 'seats.read')).toBeChecked()
  await expect(admin.locator('#expiry-date')).toHaveValue('2020-01-01')
})

test('does not overwrite a concurrent change', async ({ admin, otherBrowser }) => {
  const { id } = await makeKey(admin, { name: 'Sync', scopes: ['seats.read'] })
  const other = await otherBrowser({ storageState: await admin.context().storageState() })
  await admin.goto(`${listPath}/${id}/access`)
  await other.goto(`${listPath}/${id}/access`)
  await box(other, 'seats.read').uncheck()
  await save(other)
  await expect(other.getByText(/^Changed the access of “/)).toBeVisible()
  await box(admin, 'members.read').check()
  await save(admin)
  await expect(admin.getByText('Your changes aren’t saved')).toBeVisible()
  await expect(box(admin, 'seats.read')).toBeChecked()
  await save(admin)
  await expect(admin.getByText(/^Changed the access of “/)).toBeVisible()
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('applies a preset and saves the access', async ({ admin, skipup }) => {
    const { id, key } = await makeKey(admin, { name: 'Plain' })
    await admin.goto(`${listPath}/${id}/access`)
    await admin.getByRole('button', { name: 'Read-only' }).click()
    await expect(box(admin, 'seats.read')).toBeChecked()
    await save(admin)
    await expect(admin.getByText(/^Changed the access of “/)).toBeVisible()
    expect((await skipup.call('/meeting_requests', { key })).status).toBe(200)
  })
})
