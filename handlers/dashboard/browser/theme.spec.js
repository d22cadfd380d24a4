// Light, dark, or as the system has it.
import { expect, test } from './test.js'
import { ada } from './steps.js'

const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

test('the theme changes at once, and stays', async ({ admin }) => {
  await admin.emulateMedia({ colorScheme: 'light' })
  const light = await paper(admin)
  await admin.evaluate(() => (window.stillTheSamePage = true))
  await admin.getByText(ada.email).click()
  const saved = admin.waitForResponse('**/appearance')
  await admin.getByRole('button', { name: 'Dark' }).click()
  await expect.poll(() => paper(admin)).not.toBe(light)
  await expect(admin.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true')
  await expect(admin.getByRole('button', { name: 'System' })).toHaveAttribute('aria-pressed', 'false')
  expect(await admin.evaluate(() => window.stillTheSamePage)).toBe(true)

  await saved
  await admin.reload()
  await expect(admin.locator('html'), 'drawn so by the server').toHaveClass('dark')
  expect(await paper(admin)).not.toBe(light)
  await admin.getByText(ada.email).click()
  await admin.getByRole('button', { name: 'Sign out', exact: true }).click()
  await expect(admin).toHaveURL('/login')
  await expect(admin.locator('html'), 'before sign-in too').toHaveClass('dark')
})

test('without a choice the theme is that of the system', async ({ admin }) => {
  await admin.emulateMedia({ colorScheme: 'light' })
  const light = await paper(admin)
  await admin.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => paper(admin)).not.toBe(light)
})
