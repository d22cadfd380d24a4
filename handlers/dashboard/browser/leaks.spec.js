// Check for leaked keys, by mouse, by keyboard and without scripts.
import { expect, test } from './test.js'
import { everythingKept, listPath, makeKey } from './steps.js'

const leaksPath = listPath + '/leaks'
const found = (page) => page.getByRole('region', { name: /found$/ })
const check = (page) => page.getByRole('button', { name: 'Check' })

test('a pasted key is found, and can be deleted from there', async ({ admin, context }) => {
  const { id, key } = await makeKey(admin, { name: 'CI' })
  await makeKey(admin, { name: 'Other' })
  await admin.goto(listPath)
  await admin.getByRole('link', { name: 'Check for leaks' }).click()
  await admin.getByLabel('Text', { exact: true }).fill(`export KEY=${key}\n`)
  await check(admin).click()
  await expect(admin.getByRole('heading', { name: '1 key of this workspace found' })).toBeFocused()
  await expect(found(admin)).toContainText('In the pasted text, line 1')
  await expect(found(admin)).toContainText('Active')
  expect(await everythingKept(admin), 'the text is gone').not.toContain(key)

  const opened = context.waitForEvent('page')
  await found(admin).getByRole('link', { name: 'Delete CI' }).click()
  const deletion = await opened
  await expect(deletion).toHaveURL(`${listPath}/${id}/delete`)
  await deletion.getByRole('button', { name: 'Delete key' }).click()
  await expect(deletion).toHaveURL(listPath)
  await expect(found(admin), 'the list stays').toBeVisible()
})

test('a file is searched', async ({ admin }) => {
  const { key } = await makeKey(admin, { name: 'CI' })
  const theirs = key.slice(0, 8) + 'zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17'
  await admin.goto(leaksPath)
  const file = { name: '.env', mimeType: 'text/plain', buffer: Buffer.from('x'.repeat(300_000) + `\n\nKEY=${key}\n${theirs}`) }
  await admin.getByLabel('Or a file').setInputFiles(file)
  await check(admin).click()
  await expect(found(admin)).toContainText('In .env, line 3')
  await expect(found(admin)).toContainText('The text has 1 other key that this workspace does not know.')
})

test('with the keyboard alone', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(leaksPath)
  await admin.getByLabel('Text', { exact: true }).focus()
  await admin.keyboard.type('nothing in it')
  await admin.keyboard.press('Tab')
  await expect(admin.getByLabel('Or a file')).toBeFocused()
  await admin.keyboard.press('Tab')
  await expect(check(admin)).toBeFocused()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('heading', { name: 'No key found' })).toBeFocused()
})

test('an empty form and a file that is too large say so', async ({ admin }) => {
  await admin.goto(leaksPath)
  await check(admin).click()
  await expect(admin.getByText('Paste a text, or choose a file')).toBeVisible()
  await expect(admin.getByLabel('Text', { exact: true })).toBeFocused()
  await admin.getByLabel('Or a file').setInputFiles({ name: 'app.log', mimeType: 'text/plain', buffer: Buffer.alloc(11 << 20, 'x') })
  await check(admin).click()
  await expect(admin.getByText('The file is larger than 10 MB.')).toBeVisible()
})

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false })

  test('a pasted key is found', async ({ admin }) => {
    const { key } = await makeKey(admin, { name: 'CI' })
    await admin.goto(leaksPath)
    await admin.getByLabel('Text', { exact: true }).fill(key)
    await check(admin).click()
    await expect(found(admin).getByRole('link', { name: 'Rotate CI' })).toBeVisible()
  })
})
