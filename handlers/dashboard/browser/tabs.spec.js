// Two tabs of one session, in two workspaces.
import { expect, test } from './test.js'
import { createKey, dialog, listPath, row, rows, workspaceMenu } from './steps.js'

const toast = (page) => page.locator('#toasts').getByRole('status')

// root returns the beginning of the paths of the workspace that a page shows.
const root = (page) => /^\/w\/\w+/.exec(new URL(page.url()).pathname)[0]

test('keeps two workspaces in two tabs apart', async ({ admin, context }) => {
  const other = await context.newPage()
  await other.goto(root(admin) + '/settings/workspace/new')
  await other.getByLabel('Name').fill('Beta')
  await other.getByRole('button', { name: 'Create workspace' }).click()
  await expect(toast(other)).toHaveText(/Switched to .?Beta/)

  const tabs = [{ page: admin, name: 'Acme' }, { page: other, name: 'Beta' }]
  await Promise.all(tabs.map(async ({ page, name }) => {
    await page.goto(root(page) + listPath)
    await createKey(page, { name: `Key of ${name}` })
    await page.goto(root(page) + listPath)
  }))
  for (const { page, name } of tabs) {
    await expect(workspaceMenu(page)).toContainText(name)
    await expect(rows(page)).toHaveCount(1)
    await expect(toast(page)).toHaveCount(0)
  }

  // Both rename and delete before either opens the page that says so.
  const paths = []
  for (const { page, name } of tabs) {
    const post = (path, form = {}) => page.request.post(root(page) + path, { form, maxRedirects: 0 })
    const key = new URL(await row(page, `Key of ${name}`).getByRole('link', { name: `Key of ${name}` }).getAttribute('href'), page.url()).pathname
    expect((await post('/settings/workspace/name', { name: `${name} renamed` })).status()).toBe(303)
    expect((await post(key.slice(root(page).length) + '/delete')).status()).toBe(303)
    paths.push(key)
  }
  for (const [i, { page, name }] of tabs.entries()) {
    await page.reload()
    await expect(toast(page)).toHaveText(new RegExp(`^Deleted .*Key of ${name}`))
    await expect(page.getByRole('link', { name: 'View receipt' })).toHaveAttribute('href', paths[i])
    await expect(rows(page)).toHaveCount(0)
    await expect(workspaceMenu(page)).toContainText(`${name} renamed`)
    await page.reload()
    await expect(toast(page), 'shown once').toHaveCount(0)
  }

  // The tab of a deleted workspace goes on in another one, and shows the notice there.
  await other.goto(root(other) + '/settings/workspace/delete')
  await dialog(other).or(other.locator('main')).getByRole('textbox', { name: /^Type .* to confirm/ }).fill('Beta renamed')
  await other.getByRole('button', { name: 'Delete workspace' }).click()
  await expect(toast(other)).toHaveText(/^Deleted the workspace/)
  expect(root(other)).toBe(root(admin))
})
