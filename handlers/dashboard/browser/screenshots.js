// Takes screenshots of every state of every page, light and dark, wide and narrow, and of the main pages on paper,
// with forced colors, at 400% zoom, and with text spacing.
import { fileURLToPath } from 'node:url'
import { test } from './test.js'
import { forEachState, inEveryLook, settled, setupStates, similarStates, states } from './states.js'
import { spaceText } from './steps.js'

const folder = fileURLToPath(new URL('../../../screenshots', import.meta.url))

const printed = ['list', 'list-used', 'detail', 'key-deleted', 'key-usage', 'rotation', 'audit-log', 'members', 'seats', 'webhook', 'recovery-codes', 'docs-resource']

const shown = [
  'sign-in', 'list', 'list-menu-open', 'list-scopes-open', 'create-dialog-rejected', 'created-dialog', 'detail', 'delete-dialog-in-use', 'key-usage', 'key-access', 'rotation', 'members', 'member-dialog',
  'seats', 'webhooks', 'webhook', 'webhook-new', 'audit-log', 'account', 'policy', 'notifications', 'docs-resource', 'search-box', 'menus', 'bulk-selected',
]

// otherLooks change a page and the size of its window. The change to the text comes last, because it stays.
const otherLooks = {
  print: { names: printed, width: 718, height: 1000, change: (page) => page.emulateMedia({ media: 'print' }) },
  forced: { names: shown, width: 1280, height: 900, change: (page) => page.emulateMedia({ media: 'screen', forcedColors: 'active' }) },
  zoom: { names: shown, width: 320, height: 256, change: (page) => page.emulateMedia({ media: 'screen', forcedColors: 'none', colorScheme: 'light' }) },
  spacing: { names: shown, width: 390, height: 844, change: spaceText },
}

forEachState({ ...setupStates, ...states, ...similarStates }, (name, open) => {
  test(name, async ({ page, skipup, faults }) => {
    await open(page, { skipup, faults })
    const take = async (look) => {
      await page.mouse.move(0, 0)
      await page.evaluate(() => scrollTo(0, 0))
      const covered = (await page.locator('dialog[open], :popover-open').count()) > 0
      await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: !covered })
    }
    await inEveryLook(page, ({ colorScheme, width }) => take(`${colorScheme}-${width}`))
    for (const [look, { names, width, height, change }] of Object.entries(otherLooks)) {
      if (!names.includes(name)) continue
      await page.setViewportSize({ width, height })
      await change(page)
      await settled(page)
      await take(look)
    }
  })
})
