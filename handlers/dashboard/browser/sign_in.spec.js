// Signing in and out, by way of the pages.
import { expect, test } from './test.js'
import { ada, listPath, setUp, signIn } from './steps.js'

test('signing in leads to the page that was asked for', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto(listPath + '?state=deleted')
  await expect(stranger.getByLabel('Email')).toBeFocused()
  await signIn(stranger)
  await expect(stranger).toHaveURL(listPath + '?state=deleted')
})

test('an unknown address and a wrong password get the same answer', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto('/login')
  for (const email of [ada.email, 'nobody@acme.test']) {
    await signIn(stranger, { email, password: 'a wrong but long password' })
    await expect(stranger.getByRole('alert')).toHaveText('Email or password is wrong.')
    await expect(stranger.getByLabel('Email')).toHaveValue(email)
    await expect(stranger.getByLabel('Password')).toHaveValue('')
    await expect(stranger.getByLabel('Password')).toBeFocused()
    await expect(stranger.getByLabel('Password')).toHaveAccessibleDescription('Email or password is wrong.')
  }
  await signIn(stranger)
  await expect(stranger).toHaveURL(listPath)
})

test('who guesses on and on is told to wait', async ({ page, skipup, otherBrowser }) => {
  await setUp(page, skipup)
  const stranger = await otherBrowser()
  await stranger.goto('/login')
  await expect(async () => {
    await signIn(stranger, { email: ada.email, password: 'a wrong but long password' })
    await expect(stranger.getByRole('alert')).toContainText(/Please wait \d+ seconds?, then try again\./, { timeout: 500 })
  }).toPass({ intervals: [10] })
})

test('signing out ends the session, and Back shows nothing of it', async ({ admin }) => {
  await admin.getByText(ada.email).click()
  await admin.getByRole('button', { name: 'Sign out', exact: true }).click()
  await expect(admin).toHaveURL('/login')
  await admin.goBack()
  await expect(admin).toHaveURL(/\/login/)
  await admin.goto(listPath)
  await expect(admin).toHaveURL('/login?next=%2Fsettings%2Fapi-keys')
})

test('a form that is sent after the session has ended leads to the sign-in page', async ({ admin, context }) => {
  await admin.getByRole('link', { name: 'Create key' }).first().click()
  await admin.getByRole('dialog').getByLabel('Name').fill('Too late')
  await context.clearCookies({ name: 'skipup_session' })
  await admin.locator('[data-submit]').click()
  await expect(admin).toHaveURL('/login?next=%2Fsettings%2Fapi-keys')
  await signIn(admin)
  await expect(admin.getByRole('heading', { name: 'Create your first key' })).toBeVisible()
})
