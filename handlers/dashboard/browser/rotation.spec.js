// Rotating a key: the page shows callers as they switch, and the old key is deleted.
import { expect, test } from './test.js'
import { dialog, horizontalOverflow, inWorkspace, listPath, makeKey, nameToConfirm, row, shownKey, submit } from './steps.js'
import { callAs, ageLastUse, rotateKey, rotationOf, startRotation } from './rotation.js'

const caller = (page, name) => page.locator('[data-caller]').filter({ hasText: name })

test('rotates a key and shows the receipt', async ({ admin, skipup }) => {
  const { id, key } = await makeKey(admin, { name: 'Sync', scopes: ['seats.read', 'seats.write'] })
  await callAs(skipup, key, 'sync/1.0')
  await skipup.useKey(key)
  await admin.goto(`${listPath}/${id}`)
  await admin.getByRole('link', { name: 'Rotate', exact: true }).click()
  await expect(dialog(admin).getByRole('heading', { name: /^Rotate “/ })).toBeVisible()
  await expect(dialog(admin).getByText(/Used by 0 of \d requests? \(seats.write\)/)).toBeVisible()
  await dialog(admin).getByRole('button', { name: 'Remove unused scopes' }).click()
  await expect(admin.locator('input[value="seats.write"]')).not.toBeChecked()
  await expect(admin.locator('input[value="seats.read"]')).toBeChecked()
  await submit(admin)
  await expect(shownKey(admin)).toBeFocused()
  const next = await shownKey(admin).inputValue()
  expect(next).not.toBe(key)
  await dialog(admin).getByRole('button', { name: 'Copy the key' }).click()
  await dialog(admin).getByRole('link', { name: 'Done' }).click()

  await expect(admin).toHaveURL(inWorkspace(rotationOf({ id })))
  expect(await admin.content()).not.toContain(next)
  await expect(caller(admin, 'sync 1.0')).toContainText('Not yet')
  await expect(caller(admin, 'sync 1.0').getByText('Not switched:')).toBeAttached()
  await callAs(skipup, next, 'sync/1.0')
  await expect(caller(admin, 'sync 1.0').getByText('Switched:', { exact: true }), 'without a reload').toBeAttached()
  await callAs(skipup, key, 'late/2.0')
  await expect(caller(admin, 'late 2.0'), 'a new caller of the old key').toBeVisible()

  await admin.getByRole('link', { name: 'Delete old key' }).click()
  await dialog(admin).getByRole('button', { name: 'Delete old key' }).click()
  await expect(dialog(admin).getByText('Reason is required.')).toBeVisible()
  await nameToConfirm(admin).fill('Sync')
  await dialog(admin).getByLabel('Reason').fill('It was in a public log')
  await dialog(admin).getByRole('button', { name: 'Delete old key' }).click()
  await expect(admin.getByRole('heading', { name: 'Rotation complete' })).toBeVisible()
  expect((await skipup.call('/seats', { key })).status).toBe(401)
  expect((await skipup.call('/seats', { key: next })).status).toBe(200)
  await admin.getByRole('link', { name: 'Deletion receipt' }).click()
  await expect(admin.getByText('It was in a public log').first()).toBeVisible()
})

test('deletes an unused old key with one click', async ({ admin, skipup }) => {
  const { old, key } = await startRotation(admin, skipup, { callers: 2, switched: 2 })
  await expect(admin.getByRole('heading', { name: 'Wait for daily jobs' })).toBeVisible()
  await ageLastUse(skipup, old, 2)
  await expect(admin.getByText('No requests with the old key for 2 days.')).toBeVisible()
  await admin.getByRole('button', { name: 'Delete old key' }).click()
  await expect(admin.getByRole('heading', { name: 'Rotation complete' })).toBeVisible()
  await callAs(skipup, old.key, 'late/1.0')
  await expect(admin.getByRole('heading', { name: 'Old key still in use' })).toBeVisible()
  expect((await skipup.call('/seats', { key })).status).toBe(200)
})

test('does not reload while the page is hidden', async ({ admin, skipup }) => {
  await admin.clock.install()
  await startRotation(admin, skipup, { callers: 1 })
  let reloads = 0
  admin.on('request', (request) => request.url().includes('/rotation') && reloads++)
  await admin.clock.runFor(4000)
  await expect.poll(() => reloads).toBeGreaterThan(0)
  await admin.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }))
  await admin.clock.runFor(100)
  const before = reloads
  await admin.clock.runFor(20_000)
  expect(reloads).toBe(before)
  await admin.evaluate(() => delete document.hidden)
  await admin.clock.runFor(4000)
  await expect.poll(() => reloads).toBeGreaterThan(before)
})

test('stops reloading after ten minutes without input', async ({ admin, skipup }) => {
  await admin.clock.install()
  await startRotation(admin, skipup, { callers: 1 })
  let reloads = 0
  admin.on('request', (request) => request.url().includes('/rotation') && reloads++)
  await admin.clock.fastForward('10:01')
  await admin.clock.runFor(4000)
  const before = reloads
  await admin.clock.runFor(20_000)
  expect(reloads, 'an idle page does not keep the session alive').toBe(before)
  await admin.keyboard.press('Shift')
  await admin.clock.runFor(4000)
  await expect.poll(() => reloads).toBeGreaterThan(before)
})

test('works with the keyboard and keeps the focus', async ({ admin, skipup }) => {
  const { key } = await startRotation(admin, skipup, { callers: 2 })
  const cancel = admin.getByRole('link', { name: 'Cancel rotation' })
  await cancel.focus()
  await callAs(skipup, key, 'crm-sync/3.2.0')
  await expect(admin.locator('[data-caller][data-switched]')).toHaveCount(1)
  await expect(cancel).toBeFocused()
  await admin.keyboard.press('Enter')
  await expect(dialog(admin).getByRole('heading', { level: 1 })).toBeFocused()
  await nameToConfirm(admin).focus() // asked for because the new key is in use
  await admin.keyboard.type('CRM sync')
  await admin.keyboard.press('Enter')
  await expect(admin.getByText('Rotation canceled.')).toBeVisible()
  expect((await skipup.call('/seats', { key })).status).toBe(401)
  await expect(admin.getByRole('region', { name: 'Rotation history' })).toContainText('Canceled')
})

test('links to the rotation from the list and the key', async ({ admin }) => {
  const old = await makeKey(admin, { name: 'Sync' })
  await rotateKey(admin, old)
  await admin.goto(listPath)
  await row(admin, 'Sync').last().getByRole('link', { name: 'Rotating' }).click()
  await expect(admin).toHaveURL(inWorkspace(rotationOf(old)))
  await admin.getByRole('link', { name: 'Back to key' }).click()
  await admin.getByRole('link', { name: 'Rotation', exact: true }).click()
  await expect(admin).toHaveURL(inWorkspace(rotationOf(old)))
})

test('fits many callers on a small screen', async ({ admin, skipup }) => {
  await admin.setViewportSize({ width: 390, height: 844 })
  await startRotation(admin, skipup, { callers: 7, switched: 3, name: 'A name that is so long that it has to be broken somewhere, in two or even three lines' })
  expect(await horizontalOverflow(admin)).toBe(0)
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('rotates a key with fewer scopes', async ({ admin, skipup }) => {
    const { id, key } = await makeKey(admin, { name: 'Plain', scopes: ['seats.read', 'seats.write'] })
    await callAs(skipup, key, 'plain/1.0')
    await skipup.useKey(key)
    await admin.goto(`${listPath}/${id}`)
    await admin.getByRole('link', { name: 'Rotate', exact: true }).click()
    await admin.getByRole('button', { name: 'Remove unused scopes' }).click()
    await expect(admin.locator('input[value="seats.write"]')).not.toBeChecked()
    await submit(admin)
    const next = await shownKey(admin).inputValue()
    await callAs(skipup, next, 'plain/1.0')
    await skipup.useKey(next)
    await admin.getByRole('link', { name: 'Done' }).click()
    await expect(caller(admin, 'plain 1.0').getByText('Switched:', { exact: true })).toBeAttached()
    await admin.getByRole('link', { name: 'Reload the page' }).click()
    await admin.getByRole('link', { name: 'Delete old key' }).click()
    await nameToConfirm(admin).fill('Plain')
    await admin.getByLabel('Reason').fill('All callers have switched')
    await submit(admin)
    await expect(admin.getByRole('heading', { name: 'Rotation complete' })).toBeVisible()
    expect((await skipup.call('/seats', { key })).status).toBe(401)
  })
})
