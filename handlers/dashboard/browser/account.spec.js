// Settings > Account, and switching between workspaces.
import { expect, test } from './test.js'
import { addMember, grace, join, membersPath, openMember } from './people.js'
import { ada, dialog, inWorkspace, listPath, makeKey, row, rows, signIn } from './steps.js'

const accountPath = '/settings/account'

async function signedInElsewhere(otherBrowser) {
  const page = await otherBrowser()
  await page.goto('/login')
  await signIn(page)
  await expect(page).toHaveURL(inWorkspace(listPath))
  return page
}

test('signs out everywhere', async ({ admin, otherBrowser }) => {
  const other = await signedInElsewhere(otherBrowser)
  await admin.goto(accountPath)
  const sessions = admin.getByRole('region', { name: 'Sessions' })
  await expect(sessions.getByRole('listitem')).toHaveCount(2)
  await expect(sessions.getByText('This device')).toHaveCount(1)
  await expect(sessions.getByText('127.0.0.1')).toHaveCount(2)

  await sessions.getByText('Sign out everywhere…').click()
  await sessions.getByRole('button', { name: 'Sign out everywhere' }).click()
  await expect(admin).toHaveURL('/login')
  await other.reload()
  await expect(other).toHaveURL(/\/login/)
})

test('shows the whole user agent on request', async ({ admin }) => {
  await admin.goto(accountPath)
  const session = admin.getByRole('region', { name: 'Sessions' }).getByRole('listitem')
  const whole = session.getByText(await admin.evaluate(() => navigator.userAgent))
  await expect(whole).toBeHidden()
  await session.locator('summary', { hasText: / on Linux$/ }).focus()
  await admin.keyboard.press('Enter')
  await expect(whole).toBeVisible()
})

test('ends one session', async ({ admin, otherBrowser }) => {
  const [first, second] = [await signedInElsewhere(otherBrowser), await signedInElsewhere(otherBrowser)]
  await first.goto(accountPath)
  await admin.goto(accountPath)
  const sessions = admin.getByRole('region', { name: 'Sessions' })
  await expect(sessions.getByRole('button', { name: /^End session: / })).toHaveCount(2)
  await sessions.getByRole('listitem').filter({ hasNotText: 'This device' }).first().getByRole('button').click()
  await expect(admin.getByRole('status').filter({ hasText: 'Session ended' })).toBeVisible()
  await expect(sessions.getByRole('listitem')).toHaveCount(2)
  await Promise.all([first.reload(), second.reload()])
  expect([first, second].filter((page) => page.url().includes('/login')), 'browsers that are signed out').toHaveLength(1)
})

test('an admin ends a session of a member', async ({ admin, otherBrowser }) => {
  const address = await addMember(admin)
  const other = await otherBrowser()
  await join(other.request, address)
  await admin.goto(membersPath)
  await openMember(admin, grace.name)
  await dialog(admin).getByRole('button', { name: /^End session: / }).click()
  await expect(admin.getByRole('status').filter({ hasText: 'Ended a session of Grace Hopper' })).toBeVisible()
  await other.goto(accountPath)
  await expect(other).toHaveURL(/\/login/)
})

test('a new password ends every other session', async ({ admin, otherBrowser }) => {
  const other = await signedInElsewhere(otherBrowser)
  const next = 'nine patient gardeners'
  const change = async (current, next) => {
    await admin.getByLabel('Current password').fill(current)
    await admin.getByLabel('New password').fill(next)
    await admin.getByRole('button', { name: 'Change password' }).click()
  }
  await admin.goto(accountPath)
  await change('not the current one', next)
  await expect(admin.getByLabel('Current password')).toHaveAccessibleDescription(/is incorrect/)
  await expect(admin.getByLabel('Current password')).toBeFocused()
  await change(ada.password, 'short')
  await expect(admin.getByLabel('New password')).toHaveAccessibleDescription(/must have at least 15 characters/)
  expect(await admin.content()).not.toContain('value="short"')

  const session = async () => (await admin.context().cookies()).find(({ name }) => name.includes('session')).value
  const before = await session()
  await change(ada.password, next)
  await expect(admin.getByRole('status').filter({ hasText: 'Password changed.' })).toBeVisible()
  expect(await session(), 'the session has a new ID').not.toBe(before)
  await other.reload()
  await expect(other).toHaveURL(/\/login/)
  await signIn(other, { email: ada.email, password: next })
  await expect(other).toHaveURL(/account|api-keys/)
})

test('switches between workspaces', async ({ admin, skipup }) => {
  await makeKey(admin, { name: 'Key of Acme' })
  await skipup.run(['workspace', 'create', '--name', 'Globex Research', '--email', ada.email, '--admin-name', ada.name])
  await admin.reload()
  const shown = admin.getByRole('complementary').locator('summary').first()
  const switchTo = async (name) => {
    await shown.click()
    await admin.getByRole('link', { name }).click()
    await expect(shown).toHaveText(new RegExp('Workspace:.*' + name))
  }
  await expect(row(admin, 'Key of Acme')).toBeVisible()
  await switchTo('Globex Research')
  await expect(admin.getByRole('heading', { name: 'Create your first key' })).toBeVisible()
  await makeKey(admin, { name: 'Key of Globex' })
  await admin.reload()
  await expect(row(admin, 'Key of Globex')).toBeVisible()
  await expect(rows(admin)).toHaveCount(1)
  await switchTo('Acme')
  await expect(row(admin, 'Key of Acme')).toBeVisible()
  await expect(rows(admin)).toHaveCount(1)
})

test('a key of another workspace looks like one that does not exist', async ({ admin, skipup, otherBrowser }) => {
  const { id } = await makeKey(admin)
  await skipup.run(['workspace', 'create', '--name', 'Globex', '--email', 'gil@globex.test', '--admin-name', 'Gil'], ada.password + '\n')
  const gil = await otherBrowser()
  await gil.goto('/login')
  await signIn(gil, { email: 'gil@globex.test', password: ada.password })
  await expect(gil).toHaveURL(inWorkspace(listPath))
  const pages = []
  for (const wanted of [id, 'key_01K00000000000000000000000']) {
    expect((await gil.goto(`${listPath}/${wanted}`)).status()).toBe(404)
    pages.push(await gil.getByRole('main').innerText())
  }
  expect(pages[0]).toBe(pages[1])
})

test('shows viewers everything without controls', async ({ admin, skipup }) => {
  await makeKey(admin, { name: 'Seen by viewers' })
  await skipup.exec("UPDATE members SET role = 'member'")
  await admin.goto(listPath)
  await row(admin, 'Seen by viewers').getByRole('link', { name: 'Seen by viewers' }).click()
  await expect(admin.getByRole('heading', { name: 'Seen by viewers' })).toBeVisible()
  await expect(admin.getByRole('main').getByRole('link', { name: /Delete|Edit access|Rotate|Pause/ })).toHaveCount(0)
  expect((await admin.goto(listPath + '/new')).status()).toBe(403)
  await expect(admin.getByRole('heading', { name: 'Your role doesn’t allow this' })).toBeVisible()
  await admin.getByRole('link', { name: 'See what each role can do' }).click()
  await expect(admin.getByRole('heading', { name: 'Roles' })).toBeVisible()
})
