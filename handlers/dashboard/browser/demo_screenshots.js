// Takes pictures of the demo: of its pages into screenshots/, in every look, and the three of the
// README into .github/screenshots/, light and dark.
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { SkipUp } from './skipup.js'
import { inEveryLook } from './states.js'
import { listPath, row } from './steps.js'

const folder = (name) => fileURLToPath(new URL('../../../' + name, import.meta.url))

// openKey goes to the page of a key, or to one below it.
const openKey = (name, below = '') => async (page) => {
  await page.goto(`${listPath}?q=${encodeURIComponent(name)}`)
  await page.goto((await row(page, name).getByRole('link', { name, exact: true }).first().getAttribute('href')) + below)
}

// openOldKey goes to the page of the key that is rotating, or to one below it.
const openOldKey = (below = '') => async (page) => {
  await page.goto(listPath)
  const rotation = await page.getByRole('link', { name: 'Rotating' }).getAttribute('href')
  await page.goto(rotation.replace(/\/rotation$/, below))
}

// The pages that look best with much behind them.
const pages = {
  list: (page) => page.goto(listPath),
  'list-deleted': (page) => page.goto(listPath + '?state=deleted'),
  'review-knocking': (page) => page.goto(listPath + '?review=knocking'),
  'review-scopes': (page) => page.goto(listPath + '?review=scopes'),
  'review-orphaned': (page) => page.goto(listPath + '?review=orphaned'),
  key: openOldKey(),
  'key-paused': openKey('Partner portal'),
  usage: openOldKey('/usage?period=90d'),
  'usage-week': openKey('Website booking form', '/usage?period=7d'),
  rotation: openOldKey('/rotation'),
  deletion: openKey('Website booking form', '/deletion'),
  members: (page) => page.goto('/settings/members'),
  seats: (page) => page.goto('/settings/seats'),
  'audit-log': (page) => page.goto('/settings/audit-log'),
}

const inReadme = { list: pages.list, usage: pages.usage, rotation: pages.rotation }

test('the demo', async ({ browser }) => {
  const skipup = await SkipUp.demo()
  const context = await browser.newContext({ baseURL: skipup.url })
  const page = await context.newPage()
  await page.goto(skipup.setUpLink)
  await expect(page).toHaveURL(listPath)
  for (const [name, open] of Object.entries(pages)) {
    await test.step(name, async () => {
      await page.setViewportSize({ width: 1280, height: 900 })
      await open(page)
      await inEveryLook(page, async ({ colorScheme, width }) => {
        await page.mouse.move(0, 0)
        await page.screenshot({ path: `${folder('screenshots')}/demo-${name}-${colorScheme}-${width}.png`, fullPage: true })
      })
    })
  }
  await page.setViewportSize({ width: 1280, height: 900 })
  for (const [name, open] of Object.entries(inReadme)) {
    await open(page)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.screenshot({ path: `${folder('.github/screenshots')}/${name}-${colorScheme}.png` })
    }
  }
  await context.close()
  expect(await skipup.stop()).toBe(0)
})
