// Scanning for leaked keys.
import { expect, test } from './test.js'
import { inWorkspace, listPath, makeKey, retainedState } from './steps.js'

const leaksPath = listPath + '/leaks'
const found = (page) => page.getByRole('region', { name: /found$/ })
const scan = (page) => page.getByRole('button', { name: 'Scan', exact: true })

test('finds a key in pasted text and offers to delete it', async ({ admin, context }) => {
  const { id, key } = await makeKey(admin, { name: 'CI' })
  await makeKey(admin, { name: 'Other' })
  await admin.goto(listPath)
  await admin.getByRole('link', { name: 'Scan for leaks' }).click()
  await admin.getByLabel('Text', { exact: true }).fill(`export KEY=${key}\n`)
  await scan(admin).click()
  await expect(admin.getByRole('heading', { name: '1 key from this workspace found' })).toBeFocused()
  await expect(found(admin)).toContainText('In the pasted text, line 1')
  await expect(found(admin)).toContainText('Active')
  expect(await retainedState(admin), 'the text is not kept').not.toContain(key)

  const opened = context.waitForEvent('page')
  await found(admin).getByRole('link', { name: 'Delete CI' }).click()
  const deletion = await opened
  await expect(deletion).toHaveURL(inWorkspace(`${listPath}/${id}/delete`))
  await deletion.getByRole('button', { name: 'Delete key' }).click()
  await expect(deletion).toHaveURL(inWorkspace(listPath))
  await expect(found(admin), 'the result stays').toBeVisible()
})

test('scans a file', async ({ admin }) => {
  const { key } = await makeKey(admin, { name: 'CI' })
  const theirs = key.slice(0, 8) + 'zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17'
  await admin.goto(leaksPath)
  const file = { name: '.env', mimeType: 'text/plain', buffer: Buffer.from('x'.repeat(300_000) + `\n\nKEY=${key}\n${theirs}`) }
  await admin.getByLabel('File').setInputFiles(file)
  await scan(admin).click()
  await expect(found(admin)).toContainText('In .env, line 3')
  await expect(found(admin)).toContainText('1 key doesn’t belong to this workspace.')
})

test('works with the keyboard', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(leaksPath)
  await admin.getByLabel('Text', { exact: true }).focus()
  await admin.keyboard.type('nothing in it')
  await admin.keyboard.press('Tab')
  await expect(admin.getByLabel('File')).toBeFocused()
  await admin.keyboard.press('Tab')
  await expect(scan(admin)).toBeFocused()
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('heading', { name: 'No keys found' })).toBeFocused()
})

test('rejects an empty form and a file that is too large', async ({ admin }) => {
  await admin.goto(leaksPath)
  await scan(admin).click()
  await expect(admin.getByText('Text or a file is required.')).toBeVisible()
  await expect(admin.getByLabel('Text', { exact: true })).toBeFocused()
  await admin.getByLabel('File').setInputFiles({ name: 'app.log', mimeType: 'text/plain', buffer: Buffer.alloc(11 << 20, 'x') })
  await scan(admin).click()
  await expect(admin.getByText(/^This file is larger than 10 MB/)).toBeVisible()
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('finds a key in pasted text', async ({ admin }) => {
    const { key } = await makeKey(admin, { name: 'CI' })
    await admin.goto(leaksPath)
    await admin.getByLabel('Text', { exact: true }).fill(key)
    await scan(admin).click()
    await expect(found(admin).getByRole('link', { name: 'Rotate CI' })).toBeVisible()
  })
})
