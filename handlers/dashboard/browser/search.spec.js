// The search box: a combobox that finds anything and runs commands.
import { expect, test } from './test.js'
import { dialog, inWorkspace, listPath, makeKey } from './steps.js'

const box = (page) => page.getByRole('dialog', { name: 'Search' })
const field = (page) => page.getByRole('combobox', { name: 'Search' })
const option = (page, name) => page.getByRole('listbox').getByRole('option', { name })

test('finds a pasted key, and acts on it with the keyboard', async ({ admin }) => {
  const { id, key } = await makeKey(admin, { name: 'Leaked' })
  await admin.goto('/settings/members')
  const opener = admin.getByRole('button', { name: 'Search' })
  await opener.click()
  await expect(field(admin)).toBeFocused()
  await expect(option(admin, 'Create API key')).toHaveAttribute('aria-selected', 'true')
  await admin.keyboard.press('Escape')
  await expect(box(admin)).toBeHidden()
  await expect(opener).toBeFocused()

  await admin.keyboard.press('Control+k')
  await field(admin).fill(`Authorization: Bearer ${key}`)
  await expect(option(admin, /^Leaked/)).toHaveAttribute('aria-selected', 'true')
  await expect(admin.locator('#announcement')).toHaveText('1 result')
  await admin.keyboard.press('ArrowRight')
  await admin.keyboard.press('ArrowRight')
  await expect(option(admin, 'Pause Leaked')).toHaveAttribute('aria-selected', 'true')
  const active = await field(admin).getAttribute('aria-activedescendant')
  await expect(admin.locator('#' + active)).toHaveText(/^\s*Pause/)
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByRole('heading', { name: 'Pause' })).toBeVisible()
  await expect(admin.locator('#search-box input'), 'the key is gone').toHaveValue('')
  await expect(admin, 'no page was left').toHaveURL(inWorkspace('/settings/members'))

  await admin.keyboard.press('Control+k')
  await expect(box(admin), 'one dialog at a time').toBeHidden()
  await admin.keyboard.press('Escape')
  await admin.keyboard.press('Control+k')
  await admin.keyboard.type(id)
  await admin.keyboard.press('Enter') // before the results have arrived
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${id}`))
})

test('runs commands', async ({ admin, skipup }) => {
  await skipup.run(['workspace', 'create', '--name', 'Globex', '--email', 'ada@acme.test', '--admin-name', 'Ada'])
  const run = async (text, name) => {
    await admin.keyboard.press('Control+k')
    await field(admin).fill(text)
    await expect(option(admin, name)).toHaveAttribute('aria-selected', 'true')
    await admin.keyboard.press('Enter')
  }
  await run('dark', 'Dark')
  await expect(admin.locator('html')).toHaveClass('dark')
  await run('invite', 'Invite member')
  await expect(dialog(admin).getByLabel('Email')).toBeFocused()
  await admin.keyboard.press('Escape')
  await run('audit', 'Audit log')
  await expect(admin).toHaveURL(inWorkspace('/settings/audit-log'))
  await run('globex', 'Globex')
  await expect(admin.getByRole('complementary').locator('summary').first()).toContainText('Globex')

  await admin.keyboard.press('Control+k')
  await field(admin).fill('nothing like it')
  await expect(box(admin)).toContainText('No results')
  await expect(admin.locator('#announcement')).toHaveText('No results')
})

test('Enter opens nothing but what was typed', async ({ admin }) => {
  const { id } = await makeKey(admin, { name: 'Nightly' })
  await admin.clock.install()
  await admin.clock.pauseAt(Date.now() + 60_000) // nothing is searched for until the clock moves
  let release
  const held = new Promise((resolve) => (release = resolve))
  await admin.route('**/search', async (route) => {
    await held
    await route.continue()
  })
  await admin.keyboard.press('Control+k')
  await admin.keyboard.type('Nightly')
  await admin.keyboard.press('Enter')
  release()
  await expect(option(admin, 'Create API key'), 'the results of an empty search').toBeVisible()
  await expect(box(admin)).toBeVisible()
  await admin.clock.runFor(1000)
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${id}`))
})

test('Enter repeats a search that failed', async ({ admin, faults }) => {
  const { id } = await makeKey(admin, { name: 'Nightly' })
  await admin.keyboard.press('Control+k')
  await expect(option(admin, 'Create API key')).toBeVisible()
  await admin.route('**/search', (route) => route.abort())
  await field(admin).fill('Nightly')
  await expect(admin.getByText('Can’t reach the server.', { exact: false })).toBeVisible()
  await faults.expected(/ERR_FAILED|Failed to fetch/)
  await admin.unroute('**/search')
  await field(admin).press('Enter')
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${id}`))
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('shows a page of results', async ({ admin }) => {
    const { id, key } = await makeKey(admin, { name: 'Leaked' })
    await admin.getByRole('searchbox', { name: 'Search everything' }).fill(key)
    await admin.keyboard.press('Enter')
    await expect(admin).toHaveURL(inWorkspace('/search'))
    await expect(admin.getByRole('main')).not.toContainText(key)
    await admin.getByRole('main').getByRole('link', { name: 'Leaked', exact: false }).first().click()
    await expect(admin).toHaveURL(inWorkspace(`${listPath}/${id}`))
  })
})
