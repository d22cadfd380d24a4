// axe finds no violations in any state of any page, light and dark, wide and narrow.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from './test.js'
import { inEveryLook, states } from './states.js'

// violations returns what axe finds. In dark mode only colors differ.
async function violationsOf(page, colorScheme) {
  const axe = new AxeBuilder({ page }).setLegacyMode()
  if (colorScheme === 'dark') axe.withRules(['color-contrast', 'link-in-text-block'])
  await raise(page)
  const { violations, passes } = await axe.analyze()
  expect(passes.map(({ id }) => id), 'axe could check colors').toContain('color-contrast')
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`))
}

// raise gives the dialog a z-index, because axe doesn't know about the top layer and ignores elements
// that it takes to be covered.
const raise = (page) => page.locator('dialog:modal').evaluateAll((dialogs) => dialogs.forEach((dialog) => (dialog.style.zIndex = '999')))

for (const [name, open] of Object.entries(states)) {
  test(`axe finds no violations: ${name}`, async ({ page, skipup }) => {
    await open(page, { skipup })
    await inEveryLook(page, async ({ colorScheme, width }) => {
      expect(await violationsOf(page, colorScheme), `${colorScheme} at ${width}`).toEqual([])
    })
  })
}
