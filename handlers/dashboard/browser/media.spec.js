// Pages on paper, with forced colors, at 400% zoom, and with long names.
import { expect, test } from './test.js'
import { dialog, horizontalOverflow, listPath, makeKey, openForm, row, setUpSecondFactor, submit } from './steps.js'
import { makeUsage } from './usage.js'

test('prints a receipt in full, without controls', async ({ admin }) => {
  const { id } = await makeKey(admin, { name: 'Old importer' })
  await admin.request.post(`${listPath}/${id}/delete`)
  await admin.emulateMedia({ media: 'print', colorScheme: 'dark' })
  await admin.setViewportSize({ width: 720, height: 1000 })
  await admin.goto(`${listPath}/${id}`)
  await expect(admin.getByText('Deletion receipt')).toBeVisible()
  await expect(admin.locator('.sidebar, .topbar, .btn').filter({ visible: true })).toHaveCount(0)
  expect(await admin.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor), 'background').toBe('rgba(0, 0, 0, 0)')
  await admin.goto('/settings/audit-log')
  await expect(admin.getByText('Position in chain').first(), 'details are open').toBeVisible()
  await expect(admin.locator('#filters')).toBeHidden()
  await admin.goto(listPath)
  await expect(admin.getByRole('columnheader', { name: 'Status' })).toHaveCount(0) // the key is deleted
})

test('shows what is current with forced colors', async ({ admin }) => {
  await makeKey(admin)
  await admin.emulateMedia({ forcedColors: 'active' })
  await admin.goto(listPath)
  for (const current of [admin.locator('.nav-link[aria-current]'), admin.locator('.tabs [aria-current]')]) {
    await expect(current).toHaveCSS('outline-style', 'solid')
  }
  await expect(admin.locator('.dot').first()).toHaveCSS('forced-color-adjust', 'none')
})

test('shows what is checked with forced colors', async ({ admin }) => {
  await admin.emulateMedia({ forcedColors: 'active' })
  await admin.goto(listPath + '/new')
  const background = (box) => box.evaluate((element) => getComputedStyle(element).backgroundColor)
  for (const [checked, unchecked] of [
    [admin.locator('#check-seats\\.read'), admin.locator('#check-seats\\.write')],
    [admin.getByRole('radio', { name: 'Never' }), admin.getByRole('radio', { name: '1 year' })],
  ]) {
    await checked.check()
    await expect(checked).not.toHaveCSS('background-color', await background(unchecked))
  }
})

test('prints lists, but no long data that is closed', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'Old importer' })
  await makeUsage(admin, { skipup, key, days: 2 })
  await admin.emulateMedia({ media: 'print' })
  await admin.goto(listPath)
  await admin.setViewportSize({ width: 718, height: 1000 }) // A4
  await expect(row(admin, 'Old importer')).toContainText('Owner: Ada Admin')
  for (const name of ['Name', 'Scopes', /^Created/, 'Expires', 'Status']) await expect(admin.getByRole('columnheader', { name, exact: true })).toBeVisible()
  expect(await admin.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(718)
  await admin.goto(`${listPath}/${key.id}`)
  await expect(admin.getByText('Top callers')).toBeVisible()
  await expect(admin.locator('.chart-table')).toBeHidden()
})

test('prints the recovery codes in a dialog without the page behind it', async ({ admin }) => {
  await setUpSecondFactor(admin)
  await admin.emulateMedia({ media: 'print' })
  await expect(dialog(admin).getByText(/^\w{4}-\w{4}-/)).toBeVisible()
  await expect(admin.getByRole('heading', { name: 'Account', exact: true })).toBeHidden()
  await expect(admin.getByRole('button').filter({ visible: true })).toHaveCount(0)
})

test('reaches every control of a dialog at 400% zoom', async ({ admin }) => {
  await makeKey(admin)
  await admin.setViewportSize({ width: 320, height: 225 })
  await admin.goto(listPath)
  await openForm(admin)
  await dialog(admin).getByLabel('Name', { exact: true }).fill('CI')
  await admin.locator('[data-submit]').focus()
  await expect(admin.locator('[data-submit]')).toBeInViewport({ ratio: 1 })
  await submit(admin)
  await expect(admin.getByRole('textbox', { name: /^Key for/ })).toBeInViewport()
})

test('fits a name of 100 characters', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'W'.repeat(100) })
  await makeUsage(admin, { skipup, key, days: 2 })
  for (const width of [320, 390]) {
    await admin.setViewportSize({ width, height: 800 })
    await admin.goto(`${listPath}/${key.id}/usage`)
    expect(await horizontalOverflow(admin), `at ${width} pixels`).toBe(0)
  }
})

test('closes the menu when the focus leaves it', async ({ admin }) => {
  await admin.setViewportSize({ width: 700, height: 600 })
  await admin.getByRole('button', { name: 'Menu', exact: true }).click()
  const sheet = admin.locator('#sidebar')
  await expect(sheet.getByRole('link', { name: 'Members' })).toBeVisible()
  await sheet.locator('a, button, summary').filter({ visible: true }).last().focus()
  await admin.keyboard.press('Tab')
  await expect(sheet).toBeHidden()
})

test('has borders of fields with enough contrast', async ({ admin }) => {
  for (const colorScheme of ['light', 'dark']) {
    await admin.emulateMedia({ colorScheme })
    await admin.goto(listPath + '/new')
    const ratio = await admin.getByLabel('Name', { exact: true }).evaluate((field) => {
      const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
      const luminance = (color) => {
        context.fillStyle = color
        context.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      field.blur()
      const root = getComputedStyle(document.documentElement)
      const [border, background] = ['--input', '--background'].map((name) => luminance(root.getPropertyValue(name)))
      return (Math.max(border, background) + 0.05) / (Math.min(border, background) + 0.05)
    })
    expect(ratio, `contrast in the ${colorScheme} theme`).toBeGreaterThan(3)
  }
})

test('names charts, tables, and choices for screen readers', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'CI' })
  await makeUsage(admin, { skipup, key, days: 2 })
  await admin.goto(`${listPath}/${key.id}/usage?period=24h`)
  const chart = admin.getByRole('slider', { name: /^Requests by status/ })
  await chart.press('End')
  await expect(chart).toHaveAttribute('aria-valuetext', /UTC: [\d,]+ requests? so far/)
  await expect(chart).toHaveAttribute('aria-valuenow', '24')
  await admin.goto(listPath)
  await expect(admin.getByRole('rowheader', { name: /^CI/ })).toBeVisible()
  await openForm(admin)
  await dialog(admin).getByRole('button', { name: 'Full access' }).click()
  await expect(dialog(admin).getByRole('status').filter({ hasText: '10 of 10 scopes selected' })).toBeAttached()
})
