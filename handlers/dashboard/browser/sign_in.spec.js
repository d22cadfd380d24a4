// Signing in and out.
import { expect, test } from './test.js'
import { ada, listPath, signIn } from './steps.js'

test('returns to the requested page after signing in', async ({ page }) => {
  await page.goto(listPath + '?status=deleted')
  await expect(page.getByLabel('Email')).toBeFocused()
  await signIn(page)
  await expect(page).toHaveURL(listPath + '?status=deleted')
})

test('an unknown email and a wrong password look the same', async ({ page }) => {
  await page.goto('/login')
  for (const email of [ada.email, 'unknown@acme.test']) {
    await signIn(page, { email, password: 'a wrong but long password' })
    await expect(page.getByRole('alert')).toHaveText('Incorrect email or password.')
    await expect(page.getByLabel('Email')).toHaveValue(email)
    await expect(page.getByLabel('Password')).toHaveValue('')
    await expect(page.getByLabel('Password')).toBeFocused()
    await expect(page.getByLabel('Password')).toHaveAccessibleDescription('Incorrect email or password.')
  }
  await signIn(page)
  await expect(page).toHaveURL(listPath)
})

test('asks to wait after too many attempts', async ({ page }) => {
  await page.goto('/login')
  await expect(async () => {
    await signIn(page, { email: ada.email, password: 'a wrong but long password' })
    await expect(page.getByRole('alert')).toContainText(/Try again in \d+ seconds?\./, { timeout: 500 })
  }).toPass({ intervals: [10] })
})

test('signing out ends the session, also for the Back button', async ({ admin }) => {
  await admin.getByText(ada.email).click()
  await admin.getByRole('button', { name: 'Sign out', exact: true }).click()
  await expect(admin).toHaveURL('/login')
  await admin.goBack()
  await expect(admin).toHaveURL(/\/login/)
  await admin.goto(listPath)
  await expect(admin).toHaveURL('/login?next=%2Fsettings%2Fapi-keys')
})

test('a form submitted after the session has ended leads to the sign-in page', async ({ admin, context }) => {
  await admin.getByRole('link', { name: 'Create key' }).first().click()
  await admin.getByRole('dialog').getByLabel('Name').fill('Too late')
  await context.clearCookies({ name: /^skipup_session/ })
  await admin.locator('[data-submit]').click()
  await expect(admin).toHaveURL('/login?next=%2Fsettings%2Fapi-keys')
  await signIn(admin)
  await expect(admin.getByRole('heading', { name: 'Create your first key' })).toBeVisible()
})
