// Setting up a new server.
import { expect, test } from './test.js'
import { ada, inWorkspace, listPath } from './steps.js'

test.use({ isSetUp: false })

async function fill(page, details) {
  await page.getByLabel('Workspace').fill(details.workspace)
  await page.getByLabel('Your name').fill(details.name)
  await page.getByLabel('Email').fill(details.email)
  await page.getByLabel('Password').fill(details.password)
  await page.getByRole('button', { name: 'Create workspace' }).click()
}

test('the setup link creates the workspace and its admin, and signs in', async ({ page, skipup }) => {
  await page.goto(skipup.setupLink)
  await expect(page.getByLabel('Workspace')).toBeFocused()
  await fill(page, ada)
  await expect(page).toHaveURL(inWorkspace(listPath))
  await expect(page.getByRole('heading', { name: 'API keys', exact: true })).toBeVisible()
  const sidebar = page.getByRole('complementary', { name: 'Settings and workspace' })
  for (const text of [ada.workspace, ada.name, ada.email]) await expect(sidebar.getByText(text, { exact: true }).first()).toBeVisible()
})

test('the setup link works once', async ({ page, skipup, otherBrowser }) => {
  await page.goto(skipup.setupLink)
  const late = await otherBrowser()
  await late.goto(skipup.setupLink)
  await fill(page, ada)
  await expect(page).toHaveURL(inWorkspace(listPath))

  await fill(late, { ...ada, email: 'late@acme.test' })
  await expect(late.getByText('This setup link was already used or has expired.')).toBeVisible()
  expect((await late.goto(skipup.setupLink)).status()).toBe(404)
  await expect(late.getByText('This setup link was already used or has expired.')).toBeVisible()
  await late.goto('/')
  await expect(late, 'the second use created no user').toHaveURL('/login')
})

test('an unknown setup link is rejected', async ({ page }) => {
  expect((await page.goto('/setup/ABCDEFGHIJKLMNOPQRSTUVWXYZ')).status()).toBe(404)
  await expect(page.getByText('This setup link was already used or has expired.')).toBeVisible()
})

test('an invalid form keeps the values entered except the password', async ({ page, skipup }) => {
  await page.goto(skipup.setupLink)
  await fill(page, { workspace: ' ', name: '<b>Ada</b>', email: 'ada', password: 'too short' })
  for (const [label, message] of Object.entries({
    Workspace: /^Workspace name is required\./,
    Email: /^Email must be a valid email/,
    Password: /^Password must have at least 15 characters/,
  })) {
    const field = page.getByLabel(label, { exact: true })
    await expect(field).toHaveAttribute('aria-invalid', 'true')
    await expect(field).toHaveAccessibleDescription(message)
  }
  await expect(page.getByLabel('Your name')).not.toHaveAttribute('aria-invalid')
  await expect(page.getByLabel('Workspace')).toHaveValue(' ')
  await expect(page.getByLabel('Your name')).toHaveValue('<b>Ada</b>')
  await expect(page.getByLabel('Email')).toHaveValue('ada')
  await expect(page.getByLabel('Password')).toHaveValue('')
  expect(await page.content()).not.toContain('too short')

  await fill(page, ada)
  await expect(page, 'the link still works').toHaveURL(inWorkspace(listPath))
})

test('before the setup, the sign-in page says what to do', async ({ page, faults }) => {
  await page.goto('/')
  await faults.expected(/^503 for/)
  await expect(page.getByText('Open the setup link printed in the server’s terminal.')).toBeVisible()
})
