// The main tasks with only the keyboard.
import { expect, test } from './test.js'
import { dialog, listPath, makeKey, shownKey, tabTo } from './steps.js'

const create = (page) => page.getByRole('link', { name: 'Create key' }).first()

test('creates a key with Tab, Space, and Enter', async ({ admin }) => {
  await tabTo(admin, create(admin))
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByLabel('Name')).toBeFocused()
  await admin.keyboard.type('Typed')
  await tabTo(admin, admin.locator('input[value="members.read"]'))
  await admin.keyboard.press('Space')
  await tabTo(admin, dialog(admin).getByRole('radio', { name: /^90 days/ }))
  await admin.keyboard.press('ArrowUp')
  await expect(dialog(admin).getByRole('radio', { name: /^30 days/ })).toBeChecked()
  await tabTo(admin, dialog(admin).locator('[data-submit]'))
  await admin.keyboard.press('Enter')

  await expect(shownKey(admin)).toBeFocused()
  await tabTo(admin, dialog(admin).getByRole('button', { name: 'Copy the key' }))
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByRole('status')).toHaveText('Copied')
  await tabTo(admin, dialog(admin).getByRole('link', { name: 'Done' }))
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('heading', { name: 'Typed' })).toBeVisible()
  await expect(admin.getByRole('region', { name: 'Scopes and endpoints' })).toContainText('members.read')
})

test('submits the form with Enter in the name', async ({ admin }) => {
  await tabTo(admin, create(admin))
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByLabel('Name')).toBeFocused()
  await admin.keyboard.type('Quick')
  await admin.keyboard.press('Enter')
  await expect(shownKey(admin)).toHaveValue(/^sk_live_/)
})

test('closes the dialog with Escape and restores the focus', async ({ admin }) => {
  await tabTo(admin, create(admin))
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByLabel('Name')).toBeFocused()
  await admin.keyboard.press('Escape')
  await expect(dialog(admin)).toHaveCount(0)
  await expect(create(admin)).toBeFocused()
})

test('keeps the focus in the dialog', async ({ admin }) => {
  await tabTo(admin, create(admin))
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByLabel('Name')).toBeFocused()
  for (let i = 0; i < 40; i++) {
    await admin.keyboard.press('Tab')
    const behind = await admin.evaluate(() => {
      const focused = document.activeElement
      return focused !== document.body && !focused.closest('dialog') && focused.outerHTML
    })
    expect(behind).toBe(false)
  }
})

test('deletes a key from its page', async ({ admin }) => {
  const { id } = await makeKey(admin, { name: 'Short-lived' })
  await admin.goto(`${listPath}/${id}`)
  const open = admin.getByRole('link', { name: 'Delete key' })
  await tabTo(admin, open)
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByRole('link', { name: 'Cancel' }), 'the focus is not on the destructive button').toBeFocused()
  await admin.keyboard.press('Enter')
  await expect(open).toBeFocused()
  await admin.keyboard.press('Enter')
  await tabTo(admin, dialog(admin).getByRole('button', { name: 'Delete key' }))
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('status').filter({ hasText: 'Deleted “Short-lived”.' })).toBeVisible()
})

test('offers to skip to the content with the first Tab', async ({ admin }) => {
  await admin.keyboard.press('Tab')
  await expect(admin.getByRole('link', { name: 'Skip to content' })).toBeFocused()
  await expect(admin.getByRole('link', { name: 'Skip to content' })).toBeInViewport()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('main')).toBeFocused()
})

test('closes a menu with Escape and restores the focus', async ({ admin }) => {
  const menu = admin.getByRole('complementary').locator('summary').last()
  await tabTo(admin, menu)
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('link', { name: 'Account' }).last()).toBeVisible()
  await admin.keyboard.press('Tab')
  await admin.keyboard.press('Escape')
  await expect(admin.getByRole('button', { name: 'Sign out', exact: true })).toBeHidden()
  await expect(menu).toBeFocused()
})
