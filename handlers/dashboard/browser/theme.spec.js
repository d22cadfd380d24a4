// The light, dark and system themes.
import { expect, test } from './test.js'
import { ada } from './steps.js'

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

test('changes the theme in place and keeps it', async ({ admin }) => {
  await admin.emulateMedia({ colorScheme: 'light' })
  const light = await background(admin)
  await admin.evaluate(() => (window.stillTheSamePage = true))
  await admin.getByText(ada.email).click()
  const saved = admin.waitForResponse('**/appearance')
  await admin.getByRole('button', { name: 'Dark' }).click()
  await expect.poll(() => background(admin)).not.toBe(light)
  await expect(admin.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true')
  await expect(admin.getByRole('button', { name: 'System' })).toHaveAttribute('aria-pressed', 'false')
  expect(await admin.evaluate(() => window.stillTheSamePage)).toBe(true)

  await saved
  await admin.reload()
  await expect(admin.locator('html'), 'rendered by the server').toHaveClass('dark')
  expect(await background(admin)).not.toBe(light)
  await admin.getByText(ada.email).click()
  await admin.getByRole('button', { name: 'Sign out', exact: true }).click()
  await expect(admin).toHaveURL('/login')
  await expect(admin.locator('html'), 'before sign-in too').toHaveClass('dark')
})

test('follows the system theme by default', async ({ admin }) => {
  await admin.emulateMedia({ colorScheme: 'light' })
  const light = await background(admin)
  await admin.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => background(admin)).not.toBe(light)
})
