// Pausing, the review, and deleting several keys at once.
import { expect, test } from './test.js'
import { finding, findings, pauseKey, selectKeys } from './hygiene.js'
import { addMember, join, membersPath } from './people.js'
import { dialog, inWorkspace, listPath, makeKey, makeKeys, row, rows } from './steps.js'

const bar = (page) => page.getByRole('form', { name: 'Selected keys' })
const remove = (page) => page.getByRole('button', { name: 'Delete…' })

test('rejects a paused key until it is resumed', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'CRM sync' })
  await skipup.useKey(key.key)
  await pauseKey(admin, key)
  expect((await skipup.call('/me', { key: key.key })).status).toBe(401)
  await admin.goto(listPath)
  await expect(row(admin, 'CRM sync')).toContainText(/Paused\s*Resumes\s+in 1 hour/)
  await admin.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: /^Paused/ }).click()
  await expect(rows(admin)).toHaveCount(1)
  await row(admin, 'CRM sync').getByRole('link', { name: 'CRM sync', exact: true }).click()
  await admin.getByRole('button', { name: 'Resume now' }).click()
  await expect(admin.getByText(/^Resumed “/)).toBeVisible()
  expect((await skipup.call('/me', { key: key.key })).status).toBe(200)
})

test('shows an invalid end of a pause in the dialog', async ({ admin }) => {
  const key = await makeKey(admin, { name: 'CRM sync' })
  await admin.goto(`${listPath}/${key.id}`)
  await admin.getByRole('link', { name: 'Pause', exact: true }).click()
  await expect(dialog(admin).getByLabel('Until', { exact: true })).toBeHidden()
  await dialog(admin).getByRole('radio', { name: 'Until a date…' }).check()
  await dialog(admin).getByLabel('Until', { exact: true }).fill('2020-02-20T10:00')
  await dialog(admin).getByRole('button', { name: 'Pause key' }).click()
  await expect(dialog(admin).getByText('End time must be in the future.')).toBeVisible()
  await expect(dialog(admin).getByLabel('Until', { exact: true })).toHaveValue('2020-02-20T10:00')
})

test.describe(() => {
  test.use({ contents: findings })

  test('links findings to their keys with evidence and actions', async ({ admin, skipup }) => {
    for (const [label, name, evidence, action] of [
      [/1 never used/, 'Warehouse export', /Never used since it was created\s+47 days ago/, 'Delete'],
      [/1 inactive/, 'Nightly backup', /Last used\s+4 months ago[^]*GET \/meeting_requests/, 'Delete'],
      [/2 expiring/, 'Partner portal', /Expires\s+in 19 hours/, 'Extend'],
      [/1 due for rotation/, 'Legacy billing', /Created\s+1 year ago/, 'Rotate'],
      [/over-permissioned/, 'CRM sync', /meeting_requests.write and members.write\s+unused since/, 'Edit scopes'],
      [/whose owner left/, 'Contractor script', /Gus Gone\s+was deactivated\s+12 days ago/, 'Assign'],
      [/still in use after revocation/, 'Old importer', /3 requests\s+rejected in the last 30 days[^]*127\.0\.0\.1/, 'View callers'],
    ]) {
      await finding(admin, label).click()
      await expect(finding(admin, label)).toHaveAttribute('aria-current', 'true')
      await expect(row(admin, name).locator('[data-evidence]')).toContainText(evidence)
      await expect(row(admin, name).getByRole('link', { name: `${action} ${name}` })).toBeVisible()
    }
    await admin.goto(`${listPath}?review=expiring`)
    await admin.getByLabel('Search by name or description, or paste a key').fill('lake')
    await expect(rows(admin)).toHaveCount(1)
    expect(admin.url()).toContain('review=expiring')
    await row(admin, 'Data lake').getByRole('link', { name: 'Extend Data lake' }).click()
    await expect(admin).toHaveURL(inWorkspace(`${listPath}/${skipup.contents['Data lake'].id}/access`))
  })
})

test('deletes all keys with a finding', async ({ admin, skipup }) => {
  await makeKeys(admin, [{ name: 'First' }, { name: 'Second' }, { name: 'New' }])
  await skipup.exec("UPDATE api_keys SET created_at = '2026-01-01 00:00:00.000' WHERE name <> 'New'")
  await admin.goto(listPath)
  await finding(admin, /2 never used/).click()
  await admin.getByRole('link', { name: 'Delete all 2…' }).click()
  await dialog(admin).getByRole('button', { name: 'Delete 2 keys' }).click()
  await expect(dialog(admin).getByRole('heading', { name: 'Deleted 2 keys' })).toBeVisible()
  await expect(dialog(admin).getByText(/Rejected everywhere after/)).toHaveCount(2)
  await dialog(admin).getByRole('link', { name: 'Done' }).click()
  await expect(admin).toHaveURL(inWorkspace(listPath))
  await expect(rows(admin)).toHaveCount(1)
})

test('deletes selected keys with the keyboard', async ({ admin, skipup }) => {
  const [busy] = await makeKeys(admin, [{ name: 'Busy' }, { name: 'Idle' }, { name: 'Left' }])
  await skipup.useKey(busy.key)
  await admin.goto(listPath)
  await expect(bar(admin)).toBeHidden()
  const all = admin.getByRole('checkbox', { name: 'Select all keys on this page' })
  await all.focus()
  await admin.keyboard.press('Space')
  await expect(bar(admin)).toContainText('3 keys selected')
  await row(admin, 'Left').getByRole('checkbox').focus()
  await admin.keyboard.press('Space')
  await expect(bar(admin)).toContainText('2 keys selected')
  expect(await all.evaluate((box) => [box.indeterminate, box.checked])).toEqual([true, false])
  await remove(admin).focus()
  await admin.keyboard.press('Enter')
  await expect(dialog(admin)).toContainText('1 key is in use')
  await expect(dialog(admin)).toContainText('1 in the last hour, 1 in the last day, 1 in 30 days')
  await dialog(admin).getByLabel(/^Type \d+ to confirm/).focus()
  await admin.keyboard.type('3')
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByText('The number doesn’t match.')).toBeVisible()
  await dialog(admin).getByLabel(/^Type \d+ to confirm/).fill('2')
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByRole('heading', { name: 'Deleted 2 keys' })).toBeVisible()
  await expect(dialog(admin).getByRole('link', { name: 'Done' })).toBeFocused()
  expect((await skipup.call('/me', { key: busy.key })).status).toBe(401)
  await admin.keyboard.press('Escape')
  await expect(rows(admin)).toHaveCount(1)
})

test('assigns selected keys from the bar and all keys of an owner who left', async ({ admin, otherBrowser }) => {
  await join((await otherBrowser()).request, await addMember(admin))
  await makeKeys(admin, [{ name: 'First' }, { name: 'Second' }, { name: 'Third' }])
  await admin.goto(listPath)
  await selectKeys(admin, 'First', 'Second')
  await bar(admin).getByRole('button', { name: 'Assign…' }).click()
  await expect(dialog(admin).getByRole('listitem')).toHaveCount(2)
  for (const name of ['First', 'Second']) await expect(dialog(admin).getByRole('listitem').filter({ hasText: name })).toContainText('Owner: Ada Admin')
  await expect(dialog(admin).getByLabel('New owner')).toHaveValue(/^mem_/)
  await dialog(admin).getByLabel('New owner').selectOption({ label: 'Grace Hopper (grace@acme.test)' })
  await dialog(admin).getByRole('button', { name: 'Assign 2 keys' }).click()
  await expect(admin.getByText('Assigned 2 keys to Grace Hopper')).toBeVisible()
  await admin.getByLabel('Owner', { exact: true }).selectOption('Grace Hopper')
  await expect(rows(admin)).toHaveCount(2)

  await admin.goto(membersPath)
  await admin.getByRole('link', { name: 'Grace Hopper' }).click()
  await dialog(admin).getByRole('link', { name: 'Deactivate…' }).click()
  await expect(dialog(admin).getByLabel('New owner of their 2 keys').locator('option:checked')).toHaveText('Ada Admin (you)')
  await expect(dialog(admin).getByRole('link', { name: 'Review 2 keys' })).toBeVisible()
  await dialog(admin).getByLabel('New owner of their 2 keys').selectOption('Keep the current owner')
  await dialog(admin).getByRole('button', { name: 'Deactivate' }).click()
  await expect(admin.getByText('Deactivated Grace Hopper')).toBeVisible()

  await admin.goto(listPath)
  await finding(admin, /2 whose owner left/).click()
  await admin.getByRole('link', { name: 'Assign all 2…' }).click()
  await dialog(admin).getByRole('button', { name: 'Assign 2 keys' }).click()
  await expect(admin.getByText('Assigned 2 keys to Ada Admin')).toBeVisible()
  await expect(admin.getByRole('heading', { name: 'No keys match' })).toBeVisible()
})

test('clears the selection by button and by search', async ({ admin }) => {
  await makeKeys(admin, [{ name: 'First' }, { name: 'Second' }])
  await admin.goto(listPath)
  await selectKeys(admin, 'First')
  await admin.getByRole('button', { name: 'Clear selection' }).click()
  await expect(bar(admin)).toBeHidden()
  await expect(admin.getByRole('checkbox', { name: 'Select all keys on this page' }), 'the focus moves from the hidden button').toBeFocused()
  await selectKeys(admin, 'First')
  await admin.getByLabel('Search by name or description, or paste a key').fill('second')
  await expect(rows(admin)).toHaveCount(1)
  await expect(bar(admin)).toBeHidden()
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('pauses and resumes a key', async ({ admin, skipup }) => {
    const key = await makeKey(admin, { name: 'CRM sync' })
    await admin.goto(`${listPath}/${key.id}`)
    await admin.getByRole('link', { name: 'Pause', exact: true }).click()
    await admin.getByRole('radio', { name: '15 minutes' }).check()
    await admin.getByRole('button', { name: 'Pause key' }).click()
    await expect(admin.getByText(/Paused\. Resumes/)).toContainText('in 15 minutes')
    expect((await skipup.call('/me', { key: key.key })).status).toBe(401)
    await admin.getByRole('button', { name: 'Resume now' }).click()
    expect((await skipup.call('/me', { key: key.key })).status).toBe(200)
  })

  test('assigns keys and changes the owner of one', async ({ admin, otherBrowser }) => {
    await join((await otherBrowser()).request, await addMember(admin))
    const [first] = await makeKeys(admin, [{ name: 'First' }, { name: 'Second' }])
    await admin.goto(listPath + '/owner?key=' + first.id)
    await admin.getByLabel('New owner').selectOption({ label: 'Grace Hopper (grace@acme.test)' })
    await admin.getByRole('button', { name: 'Assign 1 key' }).click()
    await expect(row(admin, 'First')).toContainText('Grace Hopper')
    await admin.goto(`${listPath}/${first.id}`)
    await admin.getByLabel('Owner', { exact: true }).selectOption('Ada Admin (you)')
    await admin.getByRole('button', { name: 'Save details' }).click()
    await expect(admin.locator('#main')).toContainText('changed the owner of')
  })

  test('deletes selected keys from the review', async ({ admin, skipup }) => {
    await makeKeys(admin, [{ name: 'First' }, { name: 'Second' }])
    await skipup.exec("UPDATE api_keys SET created_at = '2026-01-01 00:00:00.000' WHERE name = 'First'")
    await admin.goto(listPath)
    await admin.getByRole('link', { name: 'Review keys' }).click()
    await finding(admin, /1 never used/).click()
    await expect(admin.getByRole('checkbox', { name: 'Select all keys on this page' })).toBeHidden()
    await expect(bar(admin)).toBeHidden()
    await selectKeys(admin, 'First')
    await remove(admin).click()
    await admin.getByRole('button', { name: 'Delete 1 key' }).click()
    await expect(admin.getByRole('heading', { name: 'Deleted 1 key' })).toBeVisible()
    await admin.getByRole('link', { name: 'Done' }).click()
    await expect(rows(admin)).toHaveCount(1)
  })
})
