// Any name is shown as entered, runs no script, and breaks no layout.
import { names } from './names.js'
import { expect, test } from './test.js'
import { ada, createKey, dialog, listPath, makeKey, makeKeys, nameToConfirm, openForm, rows, setUp, horizontalOverflow } from './steps.js'

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
    await expect(admin.getByLabel('Copy scopes from').getByRole('option')).toHaveCount(1 + Object.keys(names).length)
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
    await check(admin, 'delete page', admin.getByRole('main').locator('bdi').first(), name)
  })
}

test('keeps a name unchanged from creation to deletion', async ({ admin, skipup }) => {
  await admin.setViewportSize({ width: 390, height: 800 })
  const name = names['a direction override']
  const key = await createKey(admin, { name })
  expect(await horizontalOverflow(admin)).toBe(0)
  expect(JSON.parse((await skipup.call('/me', { key })).body).data.name).toBe(name)
  await skipup.useKey(key)
  await admin.getByRole('link', { name: 'View key' }).click()
  await admin.getByRole('link', { name: 'Delete key' }).click()
  await nameToConfirm(admin).fill(name)
  await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
  await expect(admin.getByRole('status').filter({ hasText: /^Deleted “/ })).toContainText(name)
  expect(await horizontalOverflow(admin)).toBe(0)
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
    await expect(admin).toHaveURL(`${listPath}?${new URLSearchParams({ q: typed })}`)
    await expect(rows(admin)).toHaveCount(found)
  }
})
