// Takes screenshots of the demo: of its pages in every look, and of the README in .github/screenshots.
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { SkipUp } from './skipup.js'
import { inEveryLook } from './states.js'
import { inWorkspace, listPath } from './steps.js'

const folder = (name) => fileURLToPath(new URL('../../../' + name, import.meta.url))

// keyPaths returns the paths of some keys by name. Two keys have the name CRM sync: it returns the one
// that is rotating.
async function keyPaths(page) {
  const paths = {}
  for (const name of ['Website booking form', 'Partner portal']) {
    paths[name] = await page.getByRole('link', { name, exact: true }).getAttribute('href')
  }
  paths['CRM sync'] = (await page.getByRole('link', { name: 'Rotating' }).getAttribute('href')).replace(/\/rotation$/, '')
  return paths
}

const at = (path) => (page) => page.goto(path)
const key = (name, suffix = '') => (page, paths) => page.goto(paths[name] + suffix)

// The pages that need much data.
const pages = {
  list: at(listPath),
  'list-deleted': at(listPath + '?status=deleted'),
  'review-still-used': at(listPath + '?review=still_used'),
  'review-scopes': at(listPath + '?review=scopes'),
  'review-owner-left': at(listPath + '?review=owner_left'),
  key: key('CRM sync'),
  'key-paused': key('Partner portal'),
  usage: key('CRM sync', '/usage?period=90d'),
  'usage-week': key('Website booking form', '/usage?period=7d'),
  rotation: key('CRM sync', '/rotation'),
  deletion: key('Website booking form', '/delete'),
  members: at('/settings/members'),
  seats: at('/settings/seats'),
  'audit-log': at('/settings/audit-log'),
  webhooks: at('/settings/webhooks'),
  webhook: async (page) => {
    await page.goto('/settings/webhooks')
    await page.locator('.endpoints a').first().click()
    await expect(page.getByRole('heading', { name: 'Deliveries' })).toBeVisible()
  },
}

const inReadme = { list: pages.list, usage: pages.usage, rotation: pages.rotation }

test('takes screenshots of the demo', async ({ browser }) => {
  const skipup = await SkipUp.demo()
  const context = await browser.newContext({ baseURL: skipup.url })
  const page = await context.newPage()
  await page.goto(skipup.setupLink)
  await expect(page).toHaveURL(inWorkspace(listPath))
  const paths = await keyPaths(page)
  for (const [name, open] of Object.entries(pages)) {
    await test.step(name, async () => {
      await page.setViewportSize({ width: 1280, height: 900 })
      await open(page, paths)
      await inEveryLook(page, async ({ colorScheme, width }) => {
        await page.mouse.move(0, 0)
        await page.screenshot({ path: `${folder('screenshots')}/demo-${name}-${colorScheme}-${width}.png`, fullPage: true })
      })
    })
  }
  await page.setViewportSize({ width: 1280, height: 900 })
  for (const [name, open] of Object.entries(inReadme)) {
    await open(page, paths)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.screenshot({ path: `${folder('.github/screenshots')}/${name}-${colorScheme}.png` })
    }
  }
  await context.close()
  expect(await skipup.stop()).toBe(0)
})
