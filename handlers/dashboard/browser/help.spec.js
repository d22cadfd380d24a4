// Small things that help: showing a password, copying values, and warnings before a secret is lost.
import { expect, test } from './test.js'
import { ada, createKey, dialog, listPath, makeKey, shownKey } from './steps.js'

test.describe(() => {
  test.use({ isSetUp: false })

  test('explains how to finish the setup at the root of a new server, and shows the password', async ({ page, skipup, faults }) => {
    await page.goto('/')
    await expect(page.getByRole('heading', { name: 'Finish setting up SkipUp Keys' })).toBeVisible()
    await expect(page.getByText('Open the setup link printed in the server’s terminal.')).toBeVisible()
    await faults.expected(/^503 /)
    await page.goto(skipup.setupLink)
    const field = page.getByLabel('Password', { exact: true })
    const show = page.getByRole('button', { name: 'Show Password' })
    await field.fill(ada.password)
    await expect(field).toHaveAttribute('type', 'password')
    await show.click()
    await expect(field).toHaveAttribute('type', 'text')
    await expect(show).toHaveAttribute('aria-pressed', 'true')
    await expect(field).toHaveValue(ada.password)
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await expect(field, 'hidden before it is sent').toHaveAttribute('type', 'password')
    await expect(page.getByText('Workspace name is required.')).toBeVisible()
  })
})

test('warns before the close button discards a key, unless it was copied', async ({ admin, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await createKey(admin)
  const close = dialog(admin).getByRole('button', { name: 'Close' })
  await close.click()
  await expect(admin.getByText('You haven’t copied this key.')).toBeVisible()
  await close.click()
  await expect(dialog(admin)).toHaveCount(0)
  await admin.goto(listPath)
  const key = await createKey(admin, { name: 'Second' })
  await expect(shownKey(admin)).toBeFocused()
  await admin.keyboard.press('ControlOrMeta+c')
  await expect(dialog(admin).locator('[data-copy=secret]')).toHaveAttribute('data-used', 'true')
  expect(await admin.evaluate(() => navigator.clipboard.readText())).toBe(key)
  await admin.keyboard.press('Escape')
  await expect(dialog(admin)).toHaveCount(0)
})

test('copies the ID of a key, and lists no empty statuses', async ({ admin, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const { id } = await makeKey(admin)
  await admin.goto(`${listPath}/${id}`)
  await admin.getByRole('button', { name: 'Copy the ID' }).click()
  await expect.poll(() => admin.evaluate(() => navigator.clipboard.readText())).toBe(id)
  await admin.goto(listPath)
  await expect(admin.getByRole('navigation', { name: 'Status' }).getByRole('link')).toHaveText([/^All\s*1/, /^Active\s*1/])
  await admin.goto(listPath + '?status=paused')
  await expect(admin.getByRole('navigation', { name: 'Status' }).locator('[aria-current]')).toHaveText(/^Paused\s*0/)
})
