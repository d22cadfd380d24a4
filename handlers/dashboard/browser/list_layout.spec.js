// The layout of the list of keys: it is a table from 704 pixels on, and nothing overflows or moves.
import { expect, test } from './test.js'
import { horizontalOverflow, inWorkspace, listPath, row, rows, spaceText } from './steps.js'
import { makeTeam } from './team.js'

const widths = [320, 390, 640, 704, 768, 1024, 1200, 1280, 1920]
const isTable = (width) => width >= 704

// longData makes every value in the list as long as ordinary data can be.
const longData = {
  make: async (page, skipup) => {
    const keys = await makeTeam(page, { skipup })
    await skipup.exec(`
      UPDATE users SET name = 'Bartholomew Featherstonehau';
      UPDATE api_keys SET name = 'Warehouse export (nightly) ' || substr(id, -2);
      INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests)
        SELECT id, workspace_id, strftime('%Y-%m-%d 00:00:00.000', 'now'), 'GET /me', '', 2, '', 987654321 FROM api_keys;`)
    return keys
  },
}

// overflowing returns what in the list sticks out of its cell, and cells that stick out of the list.
const overflowing = (page) =>
  page.evaluate(() => {
    const card = document.querySelector('#keys').getBoundingClientRect()
    return [...document.querySelectorAll('#keys td')].flatMap((cell) => {
      const box = cell.getBoundingClientRect()
      if (box.right > card.right + 0.5) return [`${cell.innerText}: the cell leaves the card`]
      return [...cell.querySelectorAll('*')]
        .filter((part) => !part.closest('[popover], .sr-only, label, .truncate > *, [data-density=compact] .name > *') && part.getClientRects().length > 0 && part.getBoundingClientRect().right > box.right + 0.5)
        .map((part) => `${part.textContent.trim()}: leaves its cell`)
    })
  })

// hiddenLeads returns the names and prefixes in the list that aren't shown: a name needs room for a few letters.
const hiddenLeads = (page) =>
  page.locator('#keys tbody [data-lead]').evaluateAll((all) =>
    all.flatMap((lead) => {
      const line = lead.parentElement.getBoundingClientRect()
      const name = lead.querySelector('a').getBoundingClientRect()
      const prefix = lead.querySelector('code')
      const box = prefix.getBoundingClientRect()
      const isShown = box.right <= line.right && box.bottom <= line.bottom && prefix.scrollWidth <= prefix.clientWidth
      return isShown && name.width >= 24 ? [] : [`${lead.textContent}: the name has ${Math.round(name.width)} of ${Math.round(line.width)} pixels, and the prefix ${Math.round(box.width)} from ${Math.round(box.left - line.left)}`]
    }),
  )

test.describe(() => {
  test.use({ contents: longData })

  test('fits everything at each width', async ({ admin }) => {
    for (const width of widths) {
      await admin.setViewportSize({ width, height: 800 })
      await expect(rows(admin).first()).toHaveCSS('display', isTable(width) ? 'table-row' : 'grid')
      expect(await overflowing(admin), `at ${width} pixels`).toEqual([])
      expect(await horizontalOverflow(admin), `horizontal overflow at ${width} pixels`).toBe(0)
    }
  })

  test('shows more keys than cards would at 1200 pixels', async ({ admin }) => {
    await admin.setViewportSize({ width: 1200, height: 800 })
    const heights = await rows(admin).evaluateAll((all) => all.map((one) => one.offsetHeight))
    expect(Math.max(...heights), 'height of the highest row').toBeLessThan(110)
  })

  test('shows one line for each key in compact rows', async ({ admin }) => {
    const heights = () => rows(admin).evaluateAll((all) => all.map((one) => one.offsetHeight))
    const sum = (all) => all.reduce((a, b) => a + b)
    const density = admin.getByRole('group', { name: 'Row density' })
    const comfortable = density.getByRole('button', { name: 'Comfortable' })
    const compact = density.getByRole('button', { name: 'Compact' })
    const before = {}
    for (const width of widths) {
      await admin.setViewportSize({ width, height: 800 })
      before[width] = sum(await heights())
    }
    await expect(comfortable).toHaveAttribute('aria-pressed', 'true')
    await compact.press('Enter')
    await expect(compact, 'without a reload').toBeFocused()
    await expect(compact).toHaveAttribute('aria-pressed', 'true')
    await expect(comfortable).toHaveAttribute('aria-pressed', 'false')
    for (const width of widths) {
      await admin.setViewportSize({ width, height: 800 })
      await expect(compact).toBeVisible({ visible: isTable(width) })
      if (!isTable(width)) {
        expect(sum(await heights()), `height of the cards at ${width} pixels`).toBe(before[width])
        continue
      }
      expect(Math.max(...(await heights())), `height of a row at ${width} pixels`).toBeLessThan(40)
      expect(sum(await heights()) / before[width], `height of all rows at ${width} pixels`).toBeLessThan(0.65)
      expect(await overflowing(admin), `at ${width} pixels`).toEqual([])
      expect(await hiddenLeads(admin), `at ${width} pixels`).toEqual([])
      expect(await horizontalOverflow(admin), `horizontal overflow at ${width} pixels`).toBe(0)
    }
    await admin.reload()
    await expect(compact, 'after a reload').toHaveAttribute('aria-pressed', 'true')
    expect(Math.max(...(await heights()))).toBeLessThan(40)
    await admin.getByLabel('Search by name or description, or paste a key').fill('Warehouse')
    await expect(admin).toHaveURL(inWorkspace(listPath + '?q=Warehouse'))
    expect(Math.max(...(await heights())), 'height of a row found').toBeLessThan(40)
    await comfortable.click()
    await expect.poll(async () => Math.min(...(await heights()))).toBeGreaterThan(40)
  })

  test('abbreviates counts and keeps the exact number', async ({ admin }) => {
    await expect(rows(admin).first().locator('[data-usage] [title]')).toHaveText('988M')
    await expect(rows(admin).first().locator('[data-usage] [title]')).toHaveAttribute('title', '987,654,321')
    await expect(rows(admin).first().getByRole('link', { name: /987,654,321 requests/ })).toBeVisible()
  })

  test('has no invisible or small tab stops', async ({ admin }) => {
    for (const width of [390, 768, 1200]) {
      await admin.setViewportSize({ width, height: 800 })
      const stops = await admin.locator('#keys').locator('a, button, input, summary').evaluateAll((all) =>
        all
          .filter((stop) => stop.checkVisibility({ visibilityProperty: true }) && stop.type !== 'hidden')
          .map((stop) => {
            const { width, height } = (stop.closest('label') ?? stop).getBoundingClientRect()
            return { name: stop.outerHTML.slice(0, 100), width, height, isInline: getComputedStyle(stop).display.startsWith('inline') && stop.matches('a') && !stop.matches('th a') }
          }),
      )
      expect(stops.filter((stop) => stop.width < 2 || stop.height < 2), `invisible tab stops at ${width} pixels`).toEqual([])
      expect(stops.filter((stop) => !stop.isInline && stop.height < 20), `low tab stops at ${width} pixels`).toEqual([])
      expect(stops.filter((stop) => !stop.isInline && stop.width < 24), `narrow tab stops at ${width} pixels`).toEqual([])
    }
  })

  test('selects all keys where rows are cards', async ({ admin }) => {
    await admin.setViewportSize({ width: 390, height: 800 })
    await admin.getByLabel('All keys on this page', { exact: true }).check()
    await expect(admin.getByRole('status').filter({ hasText: '9 keys selected' })).toBeVisible()
    await expect(admin.getByRole('button', { name: 'Delete…' })).toBeInViewport()
  })

  test('keeps the head and the focused row visible', async ({ admin }) => {
    await admin.setViewportSize({ width: 1200, height: 500 })
    const last = rows(admin).last().getByRole('checkbox')
    await last.check()
    await expect(admin.getByRole('checkbox', { name: 'Select all keys on this page' })).toBeInViewport()
    await expect(admin.getByRole('button', { name: 'Delete…' })).toBeInViewport()
    for (let i = 0; i < 12; i++) {
      const isCovered = await admin.evaluate(() => {
        const { x, y, width, height } = document.activeElement.getBoundingClientRect()
        const top = document.elementFromPoint(x + width / 2, y + height / 2)
        return !document.activeElement.contains(top) && !top?.closest('label')?.contains(document.activeElement)
      })
      expect(isCovered, `${i}th element is covered`).toBe(false)
      await admin.keyboard.press('Shift+Tab')
    }
  })

  test('stays readable with text spacing', async ({ admin }) => {
    await admin.setViewportSize({ width: 1280, height: 800 })
    await spaceText(admin)
    expect(await horizontalOverflow(admin), 'horizontal overflow').toBe(0)
  })
})

for (const width of [390, 1280]) {
  test(`moves nothing when the review arrives at ${width} pixels`, async ({ admin }) => {
    await admin.setViewportSize({ width, height: 800 })
    await makeTeam(admin, { skipup: { exec: () => {} } })
    let release
    await admin.route('**/api-keys/review*', async (route) => {
      await new Promise((resolve) => (release = resolve))
      await route.continue()
    })
    await admin.addInitScript(() => {
      window.shift = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await admin.goto(listPath)
    await expect(row(admin, 'CRM sync')).toBeVisible()
    await expect.poll(() => Boolean(release)).toBe(true)
    release()
    await expect(admin.locator('#review')).toContainText('Nothing to review')
    expect(await admin.evaluate(() => window.shift), 'layout shift').toBeLessThanOrEqual(0.02)
  })
}

test('changes the page size and goes to a page', async ({ admin, skipup }) => {
  await makeTeam(admin, { skipup, more: 20 })
  await admin.goto(listPath)
  await expect(rows(admin)).toHaveCount(27)
  const pages = admin.getByRole('navigation', { name: 'Pages' })
  await pages.getByRole('link', { name: '25', exact: true }).click()
  await expect(rows(admin)).toHaveCount(25)
  await expect(admin).toHaveURL(inWorkspace(listPath + '?size=25'))
  await pages.getByRole('spinbutton', { name: 'Page' }).fill('2')
  await admin.keyboard.press('Enter')
  await expect(rows(admin)).toHaveCount(2)
  const { searchParams } = new URL(admin.url())
  expect(Object.fromEntries(searchParams)).toEqual({ size: '25', page: '2' })
})
