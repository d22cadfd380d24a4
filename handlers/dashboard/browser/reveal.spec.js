// A new key is shown once, can be copied, and leaves no trace in the browser.
import { expect, test } from './test.js'
import { createKey, dialog, retainedState, listPath, rows, shell, shownKey, submit } from './steps.js'

test('shows the key selected, with a warning, and copies it', async ({ admin, context, skipup }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const key = await createKey(admin, { name: 'CRM sync', scopes: ['members.read'] })
  expect(key).toMatch(/^sk_live_[0-9A-Za-z]{36}$/)
  await expect(dialog(admin).getByText('You won’t be able to see this key again.')).toBeVisible()
  expect(await shownKey(admin).evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd))).toBe(key)

  const copied = { 'the key': key, 'the environment variable': 'SKIPUP_API_KEY=' + key, 'the command': new RegExp(`^curl .*${key}`) }
  for (const [what, text] of Object.entries(copied)) {
    await dialog(admin).getByRole('button', { name: `Copy ${what}` }).click()
    await expect(dialog(admin).getByRole('button', { name: `Copied ${what}` })).toBeVisible()
    await expect(dialog(admin).getByRole('status').last()).toHaveText('Copied')
    const clipboard = await admin.evaluate(() => navigator.clipboard.readText())
    typeof text === 'string' ? expect(clipboard).toBe(text) : expect(clipboard).toMatch(text)
  }
  await expect(dialog(admin).getByRole('button', { name: /^Copied/ }), 'the label is reset').toHaveCount(0)
  expect((await skipup.call('/me', { key })).status).toBe(200)
})

test('copies without the clipboard API', async ({ admin }) => {
  await admin.addInitScript(() => Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined }))
  await admin.reload()
  const key = await createKey(admin)
  await dialog(admin).getByRole('button', { name: 'Copy the key' }).click()
  await expect(dialog(admin).getByRole('status')).toHaveText('Copied')
  await admin.keyboard.press('Escape')
  const description = admin.getByRole('textbox', { name: 'Description' })
  await description.press('ControlOrMeta+v')
  await expect(description).toHaveValue(key)
})

test('shows commands that run', async ({ admin }) => {
  const key = await createKey(admin, { name: 'CI', scopes: ['members.read'] })
  const curl = await dialog(admin).locator('#curl-line').innerText()
  const { data } = JSON.parse(await shell(curl))
  expect(data).toMatchObject({ name: 'CI', scopes: ['members.read'], workspace: { name: 'Acme' } })

  const line = await dialog(admin).locator('#environment-line').innerText()
  expect(await shell(`${line}; printf %s "$SKIPUP_API_KEY"`)).toBe(key)
})

test('continues to the page of the key after closing', async ({ admin }) => {
  await createKey(admin, { name: 'Fresh' })
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('heading', { name: 'Fresh' })).toBeVisible()
})

test('needs a second Escape while the key is not copied', async ({ admin }) => {
  await createKey(admin, { name: 'Fresh' })
  await admin.keyboard.press('Escape')
  await expect(admin.getByText('You haven’t copied this key. Close again to leave without copying.')).toBeVisible()
  await expect(shownKey(admin)).toBeVisible()
  await admin.keyboard.press('Escape')
  await expect(dialog(admin)).toHaveCount(0)
  await expect(admin.getByRole('heading', { name: 'Fresh' })).toBeVisible()
})

test('leaves no trace of the key in the browser', async ({ admin, skipup }) => {
  const key = await createKey(admin)
  expect(await retainedState(admin), 'the check finds the key while it is shown').toContain(key)
  await admin.getByRole('link', { name: 'Done' }).click()
  await expect(admin.getByRole('heading', { name: 'CI' })).toBeVisible()
  expect(await retainedState(admin)).not.toContain(key)
  expect(skipup.log + skipup.stdout).not.toContain(key)
})

test('keeps the key out of the back-forward cache', async ({ admin }) => {
  const key = await createKey(admin)
  await admin.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })))
  expect(await retainedState(admin)).not.toContain(key)
  await admin.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
  await expect(dialog(admin)).toHaveCount(0)
  await expect(admin.getByRole('heading', { name: 'CI' })).toBeVisible()
})

for (const [where, open] of Object.entries({
  'in the dialog': (page) => createKey(page),
  'on its own page': async (page) => {
    await page.goto(listPath + '/new')
    await page.getByLabel('Name').fill('CI')
    await submit(page)
    return shownKey(page).inputValue()
  },
})) {
  test(`${where}: reload, Back, Forward and a duplicated tab do not show the key`, async ({ admin, context }) => {
    const key = await open(admin)
    expect(admin.url()).not.toContain(key)
    const expectNoKey = async (page, when) => expect(await retainedState(page), when).not.toContain(key)

    await admin.reload()
    await expectNoKey(admin, 'reload')
    await expect(shownKey(admin)).toHaveCount(0)
    const address = admin.url()
    await admin.goto('/settings/account')
    await admin.goBack()
    await expectNoKey(admin, 'Back')
    await admin.goForward()
    await expectNoKey(admin, 'Forward')
    const copy = await context.newPage()
    await copy.goto(address)
    await expectNoKey(copy, 'opened again')
    await copy.goto(listPath)
    await expect(rows(copy)).toHaveCount(1)
  })

  test(`${where}: Back from the next page does not show the key`, async ({ admin }) => {
    const key = await open(admin)
    await admin.getByRole('link', { name: 'Done' }).click()
    await expect(admin.getByRole('heading', { name: 'CI' })).toBeVisible()
    expect(await retainedState(admin)).not.toContain(key)
    await admin.goBack()
    expect(await retainedState(admin), 'Back').not.toContain(key)
    await expect(shownKey(admin)).toHaveCount(0)
  })
}
