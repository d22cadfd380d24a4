// axe finds no violations in any state of any page, light and dark, wide and narrow.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { expect, test } from './test.js'
import { forEachState, inEveryLook, setupStates, states } from './states.js'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// violations returns what axe finds. In dark mode only colors differ.
async function violations(page, colorScheme) {
  await raise(page)
  const rules = colorScheme === 'dark' ? { runOnly: ['color-contrast', 'link-in-text-block'] } : {}
  const { violations, passes } = await page.evaluate((options) => window.axe.run(options), { resultTypes: ['violations'], ...rules })
  expect(passes.map(({ id }) => id), 'axe could check colors').toContain('color-contrast')
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`))
}

// raise gives the dialog a z-index, because axe doesn't know about the top layer and ignores elements
// that it takes to be covered.
const raise = (page) => page.locator('dialog:modal').evaluateAll((dialogs) => dialogs.forEach((dialog) => (dialog.style.zIndex = '999')))

forEachState({ ...setupStates, ...states }, (name, open) => {
  test(`axe finds no violations: ${name}`, async ({ page, skipup }) => {
    await open(page, { skipup })
    await page.evaluate(axe)
    await inEveryLook(page, async ({ colorScheme, width }) => {
      expect(await violations(page, colorScheme), `${colorScheme} at ${width}`).toEqual([])
    })
  })
})
