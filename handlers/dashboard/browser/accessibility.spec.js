// Every page and state, light and dark, wide and narrow, has nothing that axe complains about.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from './test.js'
import { inEveryLook, states } from './states.js'

// complaints are those of axe about a page. Dark differs from light in its colours alone.
async function complaints(page, colorScheme) {
  const axe = new AxeBuilder({ page }).setLegacyMode()
  if (colorScheme === 'dark') axe.withRules(['color-contrast', 'link-in-text-block'])
  await raise(page)
  const { violations, passes } = await axe.analyze()
  expect(passes.map(({ id }) => id), 'axe could see colours').toContain('color-contrast')
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`))
}

// raise puts the dialog above all else for axe too, which knows nothing of the browser's top
// layer and does not judge what it takes to be covered.
const raise = (page) => page.locator('dialog:modal').evaluateAll((dialogs) => dialogs.forEach((dialog) => (dialog.style.zIndex = '999')))

for (const [name, open] of Object.entries(states)) {
  test(`axe finds nothing wrong with: ${name}`, async ({ page, skipup }) => {
    await open(page, { skipup })
    await inEveryLook(page, async ({ colorScheme, width }) => {
      expect(await complaints(page, colorScheme), `${colorScheme} at ${width}`).toEqual([])
    })
  })
}
