// Ways back into an account.
import { addMember, grace, join, membersPath, openMember } from './people.js'
import { ada, confirmLink, dialog, inWorkspace, listPath, resetLink, row, signIn, submit } from './steps.js'
import { expect, test } from './test.js'

const next = 'nine patient gardeners'

async function choosePassword(page) {
  await page.getByLabel('New password').fill(next)
  await page.getByRole('button', { name: 'Change password' }).click()
  await expect(page.getByText('Password changed. Sign in with your new password.')).toBeVisible()
}

test('an admin creates a reset link, with which a member signs in again', async ({ admin, otherBrowser }) => {
  const other = await otherBrowser()
  await join(other.request, await addMember(admin))
  await admin.goto(membersPath)
  await openMember(admin, grace.name)
  await dialog(admin).getByRole('button', { name: 'Create reset link' }).click()
  const link = admin.getByLabel('Link', { exact: true })
  await expect(link).toBeFocused()
  const address = await link.inputValue()
  await admin.getByRole('link', { name: 'Done' }).click()
  expect(await admin.content(), 'the link is shown once').not.toContain(address)

  await other.goto('/settings/account')
  await expect(other.getByText(grace.email).first()).toBeVisible()
  await other.goto(address)
  await expect(other.getByLabel('New password')).toBeFocused()
  await choosePassword(other)
  await signIn(other, { email: grace.email, password: next })
  await expect(other).toHaveURL(inWorkspace('/settings/api-keys'))
})

test('changes the own name and email', async ({ admin, skipup }) => {
  await admin.goto('/settings/account')
  await admin.getByRole('link', { name: 'Change name' }).click()
  await dialog(admin).getByLabel('Your name').fill('')
  await submit(admin)
  await expect(dialog(admin).getByText('Name is required.')).toBeVisible()
  await dialog(admin).getByLabel('Your name').fill('Ada Lovelace')
  await submit(admin)
  await expect(admin.getByRole('status').filter({ hasText: 'Name changed' })).toBeVisible()
  await expect(admin.getByRole('region', { name: 'Profile' })).toContainText('Ada Lovelace')

  await admin.goto(await confirmLink(skipup, 'ada@new.acme.test'))
  await admin.getByRole('button', { name: 'Confirm email' }).click()
  await expect(admin).toHaveURL('/settings/account')
  await expect(admin.getByRole('region', { name: 'Profile' })).toContainText('ada@new.acme.test')
})

test('corrects the email of a member who has not joined', async ({ admin, otherBrowser }) => {
  const mistyped = await addMember(admin, { ...grace, email: 'grcae@acme.test' })
  await admin.goto(membersPath)
  await openMember(admin, grace.name)
  await dialog(admin).getByRole('link', { name: 'Correct details…' }).click()
  await dialog(admin).getByLabel('Email').fill(grace.email)
  await submit(admin)
  const link = admin.getByLabel('Link', { exact: true })
  await expect(link).toBeFocused()
  const address = await link.inputValue()
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(row(admin, grace.name)).toContainText(grace.email)
  const other = await otherBrowser()
  expect((await other.goto(mistyped)).status()).toBe(404)
  await other.goto(address)
  await expect(other.getByLabel('Email')).toHaveValue(grace.email)
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('resets a password with the operator’s link', async ({ page, skipup }) => {
    const address = await resetLink(skipup)
    await page.goto(address)
    await choosePassword(page)
    await signIn(page, { email: ada.email, password: next })
    await expect(page).toHaveURL(inWorkspace(listPath))
    expect((await page.goto(address)).status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  })
})
