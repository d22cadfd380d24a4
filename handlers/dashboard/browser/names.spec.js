// Any name is shown as entered, runs no script, and breaks no layout.
import { earlierNames, names, storeName } from './names.js'
import { expect, test } from './test.js'
import { ada, dialog, horizontalOverflow, inWorkspace, listPath, makeKey, makeKeys, nameToConfirm, openForm, rows, setUp, submit } from './steps.js'

const widths = [390, 1280]

async function check(page, where, shown, name) {
  await expect(shown, where).toHaveText(name)
  expect(await horizontalOverflow(page), where).toBe(0)
}

test('shows every name as entered in the list and the create form', async ({ admin }) => {
  await makeKeys(admin, Object.values(names).map((name) => ({ name })))
  for (const width of widths) {
    await admin.setViewportSize({ width, height: 800 })
    await admin.goto(listPath + '?sort=created&order=asc')
    const shown = rows(admin).locator('a bdi')
    expect((await shown.allTextContents()).toSorted()).toEqual(Object.values(names).toSorted())
    expect(await horizontalOverflow(admin), `list at ${width}`).toBe(0)
    await openForm(admin)
    await admin.getByText('Copy scopes from another key').click()
    await expect(admin.getByRole('button', { name: /^Copy scopes from/ })).not.toHaveCount(0)
    expect(await horizontalOverflow(admin), `form at ${width}`).toBe(0)
  }
})

for (const [what, name] of Object.entries(names)) {
  test(`shows ${what} as a name`, async ({ admin }) => {
    const { id } = await makeKey(admin, { name })
    for (const width of widths) {
      await admin.setViewportSize({ width, height: 800 })
      await admin.goto(`${listPath}/${id}`)
      await check(admin, `page at ${width}`, admin.getByRole('heading', { level: 1 }), name)
      await admin.getByRole('link', { name: 'Delete key' }).click()
      await check(admin, `dialog at ${width}`, dialog(admin).locator('bdi').first(), name)
    }
    await admin.goto(`${listPath}/${id}/delete`)
    await check(admin, 'delete page', admin.getByRole('main').locator('.panel bdi').first(), name)
  })
}

for (const [what, name] of Object.entries(earlierNames)) {
  test(`shows ${what} in a stored name, and deletes its key`, async ({ admin, skipup, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await admin.setViewportSize({ width: 390, height: 800 })
    const key = await makeKey(admin, { name: 'Stored' })
    await storeName(skipup, key, name)
    expect(JSON.parse((await skipup.call('/me', { key: key.key })).body).data.name).toBe(name)
    await skipup.useKey(key.key)
    await admin.goto(`${listPath}/${key.id}`)
    await check(admin, 'page', admin.getByRole('heading', { level: 1 }), name)
    await admin.getByRole('link', { name: 'Delete key' }).click()
    await dialog(admin).getByRole('button', { name: 'Copy name' }).click()
    await expect(dialog(admin).getByRole('status')).toHaveText('Copied')
    expect(await admin.evaluate(() => navigator.clipboard.readText())).toBe(name)
    await nameToConfirm(admin).fill('Stored')
    await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
    await expect(dialog(admin).getByText("The name doesn’t match. Enter the name as shown.")).toBeVisible()
    await nameToConfirm(admin).fill(typed(name))
    await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
    await expect(admin.getByRole('status').filter({ hasText: /^Deleted “/ })).toBeVisible()
    expect(await horizontalOverflow(admin)).toBe(0)
  })
}

// typed returns a name as a person would type it.
const typed = (name) => name.replace(/[\u200B\u202A-\u202E\u2066-\u2069\uFEFF]/g, '').replace(/\s+/g, ' ')

test('offers to copy only a name that is hard to type', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'CI Builds (prod)' })
  await skipup.useKey(key.key)
  await admin.goto(`${listPath}/${key.id}/delete`)
  await expect(nameToConfirm(admin)).toBeVisible()
  await expect(admin.getByRole('button', { name: 'Copy name' })).toHaveCount(0)
})

test('rejects invisible characters, and removes extra spaces', async ({ admin }) => {
  await admin.goto(listPath)
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('C\u200BI')
  await submit(admin)
  await expect(dialog(admin).getByLabel('Name')).toHaveAccessibleDescription(/^Name must not contain the invisible character U\+200B/)
  await dialog(admin).getByLabel('Name').fill('  CI \u00A0 Builds ')
  await submit(admin)
  await expect(admin.getByRole('textbox', { name: 'Key for “CI Builds”' })).toBeVisible()
})

test.describe('before the setup', () => {
  test.use({ isSetUp: false })

  test('shows any name of a workspace and a user', async ({ page, skipup }) => {
    const details = { ...ada, workspace: 'W'.repeat(100), name: names['markup that runs a script'] }
    await setUp(page, skipup, details)
    const { id } = await makeKey(page)
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      for (const path of [listPath, `${listPath}/${id}`, '/settings/account']) {
        await page.goto(path)
        expect(await horizontalOverflow(page), `${path} at ${width}`).toBe(0)
      }
    }
    await expect(page.getByRole('complementary').getByText(details.name, { exact: true })).toBeVisible()
  })
})

test('searches for special characters literally', async ({ admin }) => {
  await makeKey(admin, { name: '100%_done' })
  await makeKey(admin, { name: 'Other' })
  await admin.goto(listPath)
  for (const [typed, found] of Object.entries({ '%': 1, '<img src=x onerror=alert(1)>': 0, '\\': 0, '0%_D': 1 })) {
    await admin.getByLabel('Search by name or description, or paste a key').fill(typed)
    await expect(admin).toHaveURL(inWorkspace(`${listPath}?${new URLSearchParams({ q: typed })}`))
    await expect(rows(admin)).toHaveCount(found)
  }
})
