// Takes screenshots of every state of every page, light and dark, wide and narrow.
import { fileURLToPath } from 'node:url'
import { test } from './test.js'
import { forEachState, inEveryLook, setupStates, similarStates, states } from './states.js'

const folder = fileURLToPath(new URL('../../../screenshots', import.meta.url))

forEachState({ ...setupStates, ...states, ...similarStates }, (name, open) => {
  test(name, async ({ page, skipup, faults }) => {
    await open(page, { skipup, faults })
    await inEveryLook(page, async ({ colorScheme, width }) => {
      await page.mouse.move(0, 0)
      const covered = (await page.locator('dialog[open], :popover-open').count()) > 0
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png`, fullPage: !covered })
    })
  })
})
