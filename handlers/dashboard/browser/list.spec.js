// The list of keys: search, filters, sorting, and paging, without loading the page again.
import { expect, test } from './test.js'
import { inWorkspace, listPath, makeKey, makeKeys, row, rows } from './steps.js'

const search = (page) => page.getByLabel('Search by name or description, or paste a key')
const sorted = (page, column) => page.getByRole('columnheader', { name: column })
const tab = (page, label) => page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: new RegExp('^' + label) })

// withoutPageLoad fails if acting loads the page again instead of updating the list in place.
async function withoutPageLoad(page, act) {
  await page.evaluate(() => (window.stillTheSamePage = true))
  await act()
  expect(await page.evaluate(() => window.stillTheSamePage), 'no page load').toBe(true)
}

const inTwoDays = () => new Date(Date.now() + 48 * 3600_000).toISOString().slice(0, 10)

// makeVariety creates a key in each status, with different scopes.
async function makeVariety(page, skipup) {
  await makeKeys(page, [
    { name: 'Warehouse export', scopes: ['meeting_requests.read', 'members.read'], expiry: '90' },
    { name: 'Zebra', scopes: ['seats.read', 'seats.write', 'webhooks.read', 'members.write'] },
    { name: 'CI', expiry: 'date', expiryDate: inTwoDays() },
    { name: 'apple picker', scopes: ['members.read'], expiry: '365' },
  ])
  const { id } = await makeKey(page, { name: 'Old CRM sync' })
  await page.request.post(`${listPath}/${id}/delete`)
  await skipup.exec(`UPDATE api_keys SET expires_at = '2026-01-01 00:00:00.000' WHERE name = 'apple picker'`)
  await page.goto(listPath)
}

// makeRobots creates a number of keys: Robot 001, Robot 002, and so on.
async function makeRobots(page, skipup, count) {
  await makeKey(page)
  await skipup.exec(`
    CREATE TEMP TABLE robots AS
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
    SELECT api_keys.* FROM api_keys, numbers;
    UPDATE robots SET id = printf('key_%026d', rowid), name = printf('Robot %03d', rowid), digest = randomblob(32), form_id = NULL;
    DELETE FROM api_keys;
    INSERT INTO api_keys SELECT * FROM robots;`)
}

test('explains keys in a workspace without any', async ({ admin }) => {
  await expect(admin.getByRole('heading', { name: 'Create your first key' })).toBeVisible()
  await expect(admin.locator('#first-curl')).toContainText(`/api/v1/me -H "Authorization: Bearer sk_…"`)
  await expect(admin.getByRole('link', { name: 'Create key' }).first()).toBeVisible()
})

test('finds a pasted key and keeps it out of the URL', async ({ admin }) => {
  const { id, key } = await makeKey(admin, { name: 'Leaked' })
  await makeKey(admin, { name: 'Other' })
  await admin.request.post(`${listPath}/${id}/delete`)
  await admin.goto(listPath)
  await withoutPageLoad(admin, async () => {
    await search(admin).fill(` ${key} `)
    await expect(rows(admin)).toHaveCount(1)
    await expect(row(admin, 'Leaked')).toBeVisible()
    await expect(admin).toHaveURL(inWorkspace(listPath + '?q=' + key.slice(0, 12) + '....'))
  })
  await admin.goto('/settings/audit-log')
  await admin.getByLabel('Search by name or ID').fill(key)
  await admin.keyboard.press('Enter')
  await expect(admin).toHaveURL(inWorkspace('/settings/audit-log?target=' + key.slice(0, 12) + '....'))
  await expect(admin.locator('#events').getByText('created API key Leaked')).toBeVisible()
})

test('searches by name and prefix while typing', async ({ admin, skipup }) => {
  await makeVariety(admin, skipup)
  const prefix = (await row(admin, 'Zebra').locator('code').innerText()).slice(0, 11)
  await withoutPageLoad(admin, async () => {
    await search(admin).pressSequentially('WARE')
    await expect(rows(admin)).toHaveCount(1)
    await expect(row(admin, 'Warehouse export')).toBeVisible()
    await expect(admin).toHaveURL(inWorkspace(listPath + '?q=WARE'))
    await expect(search(admin), 'the field keeps the focus').toBeFocused()
    await expect(admin.locator('#announcement')).toHaveText('1 key, Newest first')
    await search(admin).fill(prefix)
    await expect(rows(admin)).toHaveCount(1)
    await expect(row(admin, 'Zebra')).toBeVisible()
    await search(admin).fill('nothing has this name')
    await expect(admin.getByRole('heading', { name: 'No keys match' })).toBeVisible()
    await expect(admin.locator('#announcement')).toHaveText('No keys match')
  })
  await admin.reload()
  await expect(search(admin), 'the URL has the search').toHaveValue('nothing has this name')
  await admin.getByRole('link', { name: 'Clear filters' }).click()
  await expect(rows(admin)).toHaveCount(4)
})

test('combines status, scope and search', async ({ admin, skipup }) => {
  await makeVariety(admin, skipup)
  await withoutPageLoad(admin, async () => {
    for (const [label, names] of Object.entries({
      'Expires soon': ['CI'],
      Expired: ['apple picker'],
      Deleted: ['Old CRM sync'],
      Active: ['Zebra', 'Warehouse export'],
    })) {
      await tab(admin, label).click()
      await expect(tab(admin, label)).toHaveAttribute('aria-current', 'page')
      await expect(tab(admin, label)).toHaveText(new RegExp(`${names.length}$`))
      await expect(rows(admin)).toHaveCount(names.length)
      for (const name of names) await expect(row(admin, name)).toContainText(label)
    }
    await admin.getByLabel('Scope', { exact: true }).selectOption('members.read')
    await expect(rows(admin)).toHaveCount(1)
    await expect(row(admin, 'Warehouse export')).toBeVisible()
    await search(admin).fill('zebra')
    await expect(admin.getByRole('heading', { name: 'No keys match' })).toBeVisible()
  })
  const { searchParams } = new URL(admin.url())
  expect(Object.fromEntries(searchParams)).toEqual({ q: 'zebra', scope: 'members.read', status: 'active' })
})

test('sorts by column heads', async ({ admin, skipup }) => {
  await makeVariety(admin, skipup)
  const names = () => rows(admin).getByRole('link').allInnerTexts()
  await expect(sorted(admin, 'Created')).toHaveAttribute('aria-sort', 'descending')
  await withoutPageLoad(admin, async () => {
    await sorted(admin, 'Name').getByRole('link').click()
    await expect(sorted(admin, 'Name')).toHaveAttribute('aria-sort', 'ascending')
    expect(await names()).toEqual(['apple picker', 'CI', 'Warehouse export', 'Zebra'])
    await sorted(admin, 'Name').getByRole('link').click()
    await expect(sorted(admin, 'Name')).toHaveAttribute('aria-sort', 'descending')
    expect(await names()).toEqual(['Zebra', 'Warehouse export', 'CI', 'apple picker'])
    await sorted(admin, 'Expires').getByRole('link').click()
    await expect(sorted(admin, 'Expires')).toHaveAttribute('aria-sort', 'ascending')
    expect(await names()).toEqual(['apple picker', 'CI', 'Warehouse export', 'Zebra'])
  })
  await admin.goBack()
  await expect(sorted(admin, 'Name'), 'Back restores the sort order').toHaveAttribute('aria-sort', 'descending')
})

test('keeps the focus when sorting', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(listPath)
  await sorted(admin, 'Name').getByRole('link').press('Enter')
  await expect(sorted(admin, 'Name')).toHaveAttribute('aria-sort', 'ascending')
  await expect(sorted(admin, 'Name').getByRole('link')).toBeFocused()
  await tab(admin, 'Active').press('Enter')
  await expect(tab(admin, 'Active')).toHaveAttribute('aria-current', 'page')
  await expect(tab(admin, 'Active')).toBeFocused()
})

test('scrolls to the top of the next page', async ({ admin, skipup }) => {
  await makeRobots(admin, skipup, 101)
  await admin.goto(listPath)
  const next = admin.getByRole('link', { name: 'Next page' })
  await next.focus()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('navigation', { name: 'Pages' })).toContainText('51–100 of 101')
  await expect(rows(admin).first()).toBeInViewport()
  await expect(next).toBeFocused()
})

test('shows all scopes of a key in a popover', async ({ admin, skipup }) => {
  await makeVariety(admin, skipup)
  const scopes = row(admin, 'Zebra').getByRole('button', { name: /^Scopes:/ })
  await expect(scopes).toHaveAccessibleName(/Members write.*Webhooks read.*\+1 ?more/)
  await scopes.click()
  const all = admin.locator('[popover]:popover-open')
  await expect(all).toContainText('4 scopes')
  await expect(all.getByRole('listitem').filter({ hasText: 'Seats' })).toContainText('read and write')
  await admin.keyboard.press('Escape')
  await expect(all).toHaveCount(0)
  await expect(scopes).toBeFocused()
})

test('pages through hundreds of keys', async ({ admin, skipup }) => {
  await makeRobots(admin, skipup, 520)
  await admin.goto(listPath + '?sort=name&order=asc')
  await expect(rows(admin)).toHaveCount(50)
  const pages = admin.getByRole('navigation', { name: 'Pages' })
  await expect(pages).toContainText('1–50 of 520')
  await expect(pages.getByRole('link', { name: 'Previous page' })).toHaveCount(0)
  await withoutPageLoad(admin, async () => {
    await pages.getByRole('link', { name: 'Next page' }).click()
    await expect(pages).toContainText('51–100 of 520')
    await expect(rows(admin).first()).toContainText('Robot 051')
  })
  await admin.goto(listPath + '?sort=name&order=asc&page=11')
  await expect(rows(admin)).toHaveCount(20)
  await expect(pages.getByRole('link', { name: 'Next page' })).toHaveCount(0)
  await withoutPageLoad(admin, async () => {
    await search(admin).fill('robot 51')
    await expect(rows(admin)).toHaveCount(10)
    await expect(rows(admin).first()).toContainText('Robot 510')
  })
  await admin.goto(listPath + '?page=99')
  await expect(admin, 'a page past the end redirects to the last page').toHaveURL(inWorkspace(listPath + '?page=11'))
})
