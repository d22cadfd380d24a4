// The life of a key: created in the browser, used by a client, deleted in the browser, and rejected.
import { expect, test } from './test.js'
import { createKey, dialog, makeKey, nameToConfirm, row, rows, shell } from './steps.js'

const unauthorized = '{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}'
const forbidden = '{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}'

// curl calls the API with curl, and returns the status and the body.
async function curl(skipup, key, path) {
  const header = key ? `-H 'Authorization: Bearer ${key}'` : ''
  const [body, status] = (await shell(`curl -s -w '\\n%{http_code}' ${header} ${skipup.url}/api/v1${path}`)).split(/\n+(?=\d+$)/)
  return { status: Number(status), body }
}

test('a key is created, used, deleted, and rejected at once', async ({ admin, skipup }) => {
  const key = await createKey(admin, { name: 'CRM sync', scopes: ['meeting_requests.read'] })
  const command = (await dialog(admin).locator('#curl-line').innerText()) + " -s -w '\\n%{http_code}'"
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByText('Waiting for the first request…')).toBeVisible()

  expect((await curl(skipup, key, '/meeting_requests')).status).toBe(200)
  await expect(admin.getByText('First request received'), 'without a reload').toBeVisible()
  await expect(admin.locator('#key-usage')).toContainText('GET /meeting_requests')
  await expect(admin.locator('[data-live]'), 'the page stops polling').toHaveCount(0)
  expect(await curl(skipup, '', '/meeting_requests')).toEqual({ status: 401, body: unauthorized })
  expect(await curl(skipup, key, '/api_keys')).toEqual({ status: 403, body: forbidden })
  const challenge = async (path, key) => (await skipup.call(path, { key })).headers.get('www-authenticate')
  expect(await challenge('/api_keys', '')).toBe('Bearer realm="SkipUp API"')
  expect(await challenge('/api_keys', key)).toBe('Bearer realm="SkipUp API", error="insufficient_scope", scope="api_keys.read"')
  expect(await shell(command)).toMatch(/\n200$/)

  await admin.reload()
  await expect(admin.getByText('127.0.0.1 · curl')).toBeVisible()
  await expect(admin.getByText('/api/v1/meeting_requests', { exact: true })).toHaveCount(1)
  await admin.getByRole('link', { name: 'Delete key' }).click()
  await expect(dialog(admin).getByText('This key is in use')).toBeVisible()
  await nameToConfirm(admin).fill('CRM sync')
  await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
  await expect(admin.getByRole('status').filter({ hasText: /Deleted “CRM sync”\. Rejected everywhere after \d+ ms\./ })).toBeVisible()
  expect(await shell(command), 'the next request').toBe(unauthorized + '\n\n401')

  await expect(row(admin, 'CRM sync')).toHaveCount(0)
  await admin.getByRole('link', { name: /^Deleted/ }).click()
  await expect(row(admin, 'CRM sync')).toContainText('Deleted')
  await row(admin, 'CRM sync').getByRole('link', { name: 'CRM sync', exact: true }).click()
  await expect(admin.getByText(/^Ada Admin deleted/)).toBeVisible()
  const receipt = admin.getByRole('region', { name: 'Deletion receipt' })
  await expect(receipt).toContainText(/\d+ ms after deletion/)
  await expect(receipt).toContainText(/GET \/me from 127\.0\.0\.1/)
  await expect(receipt).toContainText('None')
  await expect(admin.getByRole('link', { name: 'Delete key' })).toHaveCount(0)
  await expect(admin.getByRole('button', { name: 'Save details' })).toHaveCount(0)
})

test('deleting a key in use requires its name', async ({ admin, skipup }) => {
  const { key } = await makeKey(admin, { name: 'Busy' })
  await skipup.useKey(key)
  await admin.reload()
  await row(admin, 'Busy').getByRole('link', { name: 'Busy', exact: true }).click()
  await admin.getByRole('link', { name: 'Delete key' }).click()
  const name = nameToConfirm(admin)
  await expect(dialog(admin).getByRole('heading', { level: 1 })).toBeFocused()
  for (const wrong of ['', 'busy', 'Bus']) {
    await name.fill(wrong)
    await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
    await expect(name).toHaveAccessibleDescription("The name doesn’t match. Enter the name as shown.")
    await expect(name).toBeFocused()
    await expect(name).toHaveValue(wrong)
    await name.evaluate((field) => field.removeAttribute('aria-describedby')) // to detect the next response
  }
  expect((await skipup.call('/me', { key })).status, 'the key still works').toBe(200)
  await name.fill('Busy')
  await name.press('Enter')
  await expect(admin.getByRole('status').filter({ hasText: 'Deleted “Busy”.' })).toBeVisible()
  expect((await skipup.call('/me', { key })).status).toBe(401)
})

test('deletes an unused key without confirmation by name, once', async ({ admin, otherBrowser }) => {
  const { id } = await makeKey(admin, { name: 'Idle' })
  const other = await otherBrowser({ storageState: await admin.context().storageState() })
  await other.goto('/settings/api-keys/' + id)
  await admin.goto('/settings/api-keys/' + id)
  await admin.getByRole('link', { name: 'Delete key' }).click()
  await expect(nameToConfirm(admin)).toHaveCount(0)
  await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
  await expect(admin.getByRole('status').filter({ hasText: 'Deleted “Idle”.' })).toBeVisible()
  await expect(rows(admin)).toHaveCount(0)

  await other.getByRole('link', { name: 'Delete key' }).click()
  await expect(other.getByRole('heading', { name: 'Already deleted' })).toBeVisible()
})

test('renames a key that keeps working', async ({ admin, skipup }) => {
  const { id, key } = await makeKey(admin, { name: 'Before' })
  await admin.goto('/settings/api-keys/' + id)
  await admin.getByRole('textbox', { name: 'Name' }).fill('')
  await admin.getByRole('button', { name: 'Save details' }).click()
  await expect(admin.getByRole('textbox', { name: 'Name' })).toHaveAccessibleDescription('Name is required.')
  await expect(admin.getByRole('textbox', { name: 'Name' })).toBeFocused()
  await admin.getByRole('textbox', { name: 'Name' }).fill('After')
  await admin.getByRole('button', { name: 'Save details' }).click()
  await expect(admin.getByRole('heading', { name: 'After', exact: true })).toBeVisible()
  await expect(admin.getByText(/^Ada Admin renamed/)).toBeVisible()
  expect(JSON.parse((await skipup.call('/me', { key })).body).data.name).toBe('After')
})
