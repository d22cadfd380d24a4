// Signing in and out.
import { expect, test } from './test.js'
import { ada, dialog, inWorkspace, listPath, openForm, shownKey, signIn, submit } from './steps.js'

test('returns to the requested page after signing in', async ({ page }) => {
  await page.goto(listPath + '?status=deleted')
  await expect(page.getByLabel('Email')).toBeFocused()
  await signIn(page)
  await expect(page).toHaveURL(inWorkspace(listPath + '?status=deleted'))
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
  await expect(page).toHaveURL(inWorkspace(listPath))
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

test('keeps forms that are submitted after the session has ended', async ({ admin, context }) => {
  const endSession = () => context.clearCookies({ name: /^skipup_session/ })
  const signInAgain = async () => {
    const tab = context.waitForEvent('page')
    await expect(admin.getByRole('link', { name: 'Sign in in a new tab' })).toBeFocused()
    await admin.keyboard.press('Enter')
    await expect((await tab).getByText('go back to the other tab and submit the form again')).toBeVisible()
    await signIn(await tab)
    await expect((await tab).getByRole('heading', { name: 'API keys', exact: true })).toBeVisible()
    await (await tab).close()
  }
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Not too late')
  await admin.locator('input[name=scopes][value="seats.read"]').check()
  await endSession()
  await submit(admin)
  await expect(dialog(admin).getByRole('alert')).toContainText('You were signed out')
  await signInAgain()
  await expect(dialog(admin).getByLabel('Name')).toHaveValue('Not too late')
  await submit(admin)
  await expect(shownKey(admin)).toHaveValue(/^sk_live_/)
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('region', { name: 'Scopes and endpoints' })).toContainText('seats.read')

  await admin.getByRole('textbox', { name: 'Description' }).fill('A description that took a while')
  await endSession()
  await admin.getByRole('button', { name: 'Save details' }).click()
  await signInAgain()
  await admin.getByRole('button', { name: 'Save details' }).click()
  await expect(admin.getByText('Key details updated')).toBeVisible()
  await expect(admin.getByRole('textbox', { name: 'Description' })).toHaveValue('A description that took a while')

  await endSession()
  await expect(admin, 'a live page without changes leads to the sign-in page').toHaveURL(/\/login\?next=%2Fw%2Fws_\w+%2Fsettings%2Fapi-keys%2Fkey_/)
})
