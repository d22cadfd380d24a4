// Signing in and out.
import { expect, test } from './test.js'
import { ada, listPath, setUp, signIn } from './steps.js'

test('returns to the requested page after signing in', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto(listPath + '?status=deleted')
  await expect(stranger.getByLabel('Email')).toBeFocused()
  await signIn(stranger)
  await expect(stranger).toHaveURL(listPath + '?status=deleted')
})

test('an unknown email and a wrong password look the same', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto('/login')
  for (const email of [ada.email, 'nobody@acme.test']) {
    await signIn(stranger, { email, password: 'a wrong but long password' })
    await expect(stranger.getByRole('alert')).toHaveText('Incorrect email or password.')
    await expect(stranger.getByLabel('Email')).toHaveValue(email)
    await expect(stranger.getByLabel('Password')).toHaveValue('')
    await expect(stranger.getByLabel('Password')).toBeFocused()
    await expect(stranger.getByLabel('Password')).toHaveAccessibleDescription('Incorrect email or password.')
  }
  await signIn(stranger)
  await expect(stranger).toHaveURL(listPath)
})

test('asks to wait after too many attempts', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto('/login')
  await expect(async () => {
    await signIn(stranger, { email: ada.email, password: 'a wrong but long password' })
    await expect(stranger.getByRole('alert')).toContainText(/Try again in \d+ seconds?\./, { timeout: 500 })
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
  await context.clearCookies({ name: 'skipup_session' })
  await admin.locator('[data-submit]').click()
  await expect(admin).toHaveURL('/login?next=%2Fsettings%2Fapi-keys')
  await signIn(admin)
  await expect(admin.getByRole('heading', { name: 'Create your first key' })).toBeVisible()
})
