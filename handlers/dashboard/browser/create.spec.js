// Creating a key in the dialog.
import { expect, test } from './test.js'
import { createKey, dialog, horizontalOverflow, inWorkspace, listPath, makeKey, openForm, rows, shownKey, submit, untilADate } from './steps.js'

const box = (page, scope) => page.locator(`input[name=scopes][value="${scope}"]`)
const ticked = (page) => page.locator('input[name=scopes]:checked').evaluateAll((boxes) => boxes.map((box) => box.value))

test('applies presets and warns about powerful scopes', async ({ admin }) => {
  await openForm(admin)
  const hint = admin.getByText('Without scopes, this key can only call')
  const warning = admin.getByText('This scope can create keys')
  await expect(hint).toBeVisible()
  await expect(warning).toBeHidden()

  await admin.getByRole('button', { name: 'Read-only' }).click()
  expect(await ticked(admin)).toEqual(['meeting_requests.read', 'members.read', 'webhooks.read', 'api_keys.read', 'seats.read'])
  await expect(hint).toBeHidden()
  await expect(warning).toBeHidden()
  await admin.getByRole('button', { name: 'Full access' }).click()
  expect(await ticked(admin)).toHaveLength(10)
  await expect(warning).toBeVisible()
  await expect(admin.getByText('This scope can add anyone to the workspace')).toBeVisible()
  await admin.getByRole('button', { name: 'None' }).click()
  expect(await ticked(admin)).toEqual([])

  await box(admin, 'api_keys.write').check()
  await expect(warning).toBeVisible()
  await expect(box(admin, 'api_keys.write')).toHaveAccessibleDescription(/Create and delete API keys.*can create keys/)
})

test('copies the scopes of another key and keeps other values', async ({ admin }) => {
  await makeKey(admin, { name: 'Model', scopes: ['seats.read', 'webhooks.write'] })
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Copy')
  await admin.getByText('Copy scopes from another key').click()
  await admin.getByLabel('Search API keys').fill('mod')
  await admin.getByLabel('Search API keys').press('Enter')
  await admin.getByRole('button', { name: 'Copy scopes from Model' }).click()
  await expect(box(admin, 'seats.read')).toBeChecked()
  expect(await ticked(admin)).toEqual(['webhooks.write', 'seats.read'])
  await expect(dialog(admin).getByLabel('Name')).toHaveValue('Copy')
  await expect(admin).toHaveURL(inWorkspace(listPath))
})

test('selects the custom date when a date is entered', async ({ admin }) => {
  await openForm(admin)
  await expect(dialog(admin).getByRole('radio', { name: /^90 days/ })).toBeChecked()
  await expect(admin.getByLabel('Expiry date')).toBeHidden()
  await untilADate(admin).check()
  await expect(admin.getByLabel('Expiry date')).toBeFocused()
})

test('shows a rejected form in the dialog and focuses the first error', async ({ admin }) => {
  await openForm(admin)
  await box(admin, 'seats.read').check()
  await untilADate(admin).check()
  await submit(admin)
  const name = dialog(admin).getByLabel('Name')
  await expect(name).toBeFocused()
  await expect(name).toHaveAttribute('aria-invalid', 'true')
  await expect(name).toHaveAccessibleDescription(/^Name is required\./)
  await expect(admin.getByLabel('Expiry date')).toHaveAccessibleDescription(/^Expiry must be a date/)
  await expect(box(admin, 'seats.read')).toBeChecked()
  await expect(admin).toHaveURL(inWorkspace(listPath))

  await name.fill('Second try')
  await submit(admin)
  await expect(admin.getByLabel('Expiry date'), 'the first remaining error').toBeFocused()
  await expect(name).toHaveValue('Second try')
  await dialog(admin).getByLabel('Never').check()
  await submit(admin)
  await expect(shownKey(admin)).toHaveValue(/^sk_live_/)
})

test('creates one key on a double click', async ({ admin }) => {
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Only one')
  await admin.locator('[data-submit]').dblclick()
  await expect(shownKey(admin)).toHaveValue(/^sk_live_/)
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('heading', { name: 'Only one' })).toBeVisible()
  await admin.goto(listPath)
  await expect(rows(admin)).toHaveCount(1)
})

test('creates one key for a form submitted in two tabs', async ({ admin, otherBrowser }) => {
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Twice')
  const twin = await otherBrowser({ storageState: await admin.context().storageState() })
  await twin.goto(listPath + '/new')
  await twin.getByLabel('Name').fill('Twice')
  const formID = await admin.locator('input[name=form_id]').inputValue()
  await twin.locator('input[name=form_id]').evaluate((field, value) => (field.value = value), formID)
  await submit(admin)
  const key = await shownKey(admin).inputValue()

  await submit(twin)
  await expect(twin.getByRole('heading', { name: 'Key already created' })).toBeVisible()
  expect(await twin.content()).not.toContain(key)
  await twin.goto(listPath)
  await expect(rows(twin)).toHaveCount(1)
})

test('lets a form be sent again after a network error', async ({ admin, context, faults }) => {
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Patient')
  await context.setOffline(true)
  await submit(admin)
  await expect(admin.getByRole('status').filter({ hasText: 'Can’t reach the server.' })).toBeVisible()
  await faults.expected(/ERR_INTERNET_DISCONNECTED|Failed to fetch/)
  await context.setOffline(false)
  await submit(admin)
  await expect(shownKey(admin)).toHaveValue(/^sk_live_/)
})

test('works on a page of its own', async ({ admin }) => {
  await admin.goto(listPath + '/new')
  await expect(admin.getByLabel('Name')).toBeFocused()
  await submit(admin)
  await expect(admin.getByLabel('Name')).toHaveAccessibleDescription(/^Name is required\./)
  await expect(admin.getByLabel('Name')).toBeFocused()
  await admin.getByLabel('Name').fill('By page')
  await admin.getByLabel('Name').press('Enter')
  await expect(shownKey(admin)).toBeFocused()
  expect(await ticked(admin), 'Enter pressed no preset').toEqual([])
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('heading', { name: 'By page' })).toBeVisible()
})

test('fits a small screen', async ({ admin }) => {
  await admin.setViewportSize({ width: 390, height: 700 })
  await openForm(admin)
  for (const part of [dialog(admin).getByRole('heading'), dialog(admin).locator('[data-submit]')]) {
    await expect(part, 'the head and foot stay in view').toBeInViewport({ ratio: 1 })
  }
  await admin.getByRole('button', { name: 'Full access' }).click()
  await dialog(admin).getByLabel('Never').scrollIntoViewIfNeeded()
  expect(await horizontalOverflow(admin)).toBe(0)
  await dialog(admin).getByRole('link', { name: 'Cancel' }).click()
  await createKey(admin)
  expect(await horizontalOverflow(admin)).toBe(0)
  await admin.keyboard.press('Escape')
  await expect(admin.getByText('You haven’t copied this key.')).toBeVisible()
  await dialog(admin).getByRole('link', { name: 'Done' }).click() // the message doesn't cover it
  await expect(admin.getByRole('heading', { name: 'CI' })).toBeVisible()
})
