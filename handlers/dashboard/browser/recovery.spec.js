// Ways back into an account.
import { addMember, grace, join, membersPath, openMember } from './people.js'
import { ada, dialog, listPath, resetLink, signIn } from './steps.js'
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
  await expect(other).toHaveURL('/settings/account')
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('resets a password with the operator’s link', async ({ page, skipup }) => {
    const address = await resetLink(skipup)
    await page.goto(address)
    await choosePassword(page)
    await signIn(page, { email: ada.email, password: next })
    await expect(page).toHaveURL(listPath)
    expect((await page.goto(address)).status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  })
})
