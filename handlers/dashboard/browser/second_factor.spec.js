// A second factor, from its setup to the forms that ask for it again.
import { ada, codeOf, dialog, inWorkspace, openForm, setLastProof, setUpSecondFactor, shownKey, signIn, submit } from './steps.js'
import { expect, test } from './test.js'

test('signs in with a code, and asks for another before a sensitive change', async ({ admin, skipup }) => {
  const { key, code } = await setUpSecondFactor(admin)
  const recovery = (await dialog(admin).locator('#codes').textContent()).split('\n')
  expect(recovery).toHaveLength(10)
  await dialog(admin).getByRole('button', { name: /^Copy/ }).click()
  await dialog(admin).getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('region', { name: 'Second factor' })).toContainText('10 recovery codes left')
  expect(await admin.content(), 'the codes are shown once').not.toContain(recovery[0])

  await admin.context().clearCookies()
  await admin.goto('/settings/members')
  await signIn(admin)
  await expect(admin.getByRole('heading', { name: 'Enter your code' })).toBeVisible()
  await admin.getByLabel('Code').fill(code)
  await admin.getByRole('button', { name: 'Sign in' }).click()
  await expect(admin.getByText('This code is incorrect or was already used')).toBeVisible()
  await admin.getByLabel('Code').fill(codeOf(key, 1)) // the next one, which no one has used
  await admin.getByRole('button', { name: 'Sign in' }).click()
  await expect(admin).toHaveURL(inWorkspace('/settings/members'))

  await setLastProof(skipup, '-15 minutes')
  await admin.goto('/settings/api-keys')
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Nightly sync')
  await submit(admin)
  await expect(dialog(admin).getByRole('heading', { name: 'Confirm it’s you' })).toBeVisible()
  await expect(dialog(admin).getByLabel('Code')).toBeFocused()
  await dialog(admin).getByLabel('Code').fill('000000')
  await submit(admin)
  await expect(dialog(admin).getByText('This code is incorrect or was already used')).toBeVisible()
  await dialog(admin).getByLabel('Code').fill(recovery[0])
  await submit(admin)
  await expect(shownKey(admin)).toBeFocused()
  await expect(dialog(admin)).toContainText('Nightly sync')
})

test('asks in the dialog before it shows a form with secrets', async ({ admin, skipup }) => {
  await admin.goto('/settings/account')
  await setLastProof(skipup, '-15 minutes')
  await admin.getByRole('link', { name: 'Set up…' }).click()
  await dialog(admin).getByLabel('Password', { exact: true }).fill(ada.password)
  await submit(admin)
  await expect(dialog(admin).getByRole('heading', { name: 'Set up a second factor' })).toBeVisible()
  await expect(admin).toHaveURL('/settings/account')
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('asks on a page, and continues with the form', async ({ admin, skipup }) => {
    await setLastProof(skipup, '-15 minutes')
    await admin.goto('/settings/api-keys/new')
    await admin.getByLabel('Name', { exact: true }).fill('Nightly sync')
    await submit(admin)
    await admin.getByLabel('Password', { exact: true }).fill(ada.password)
    await submit(admin)
    await expect(admin.getByRole('heading', { name: 'API key created' })).toBeVisible()
    await expect(admin.locator('#panel')).toContainText('Nightly sync')
  })
})
