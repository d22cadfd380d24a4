// At every width, nothing overflows, every tab stop is visible, and nothing moves while a page loads.
import { expect, test } from './test.js'
import { horizontalOverflow, listPath, useSession } from './steps.js'
import { makeTeam } from './team.js'
import { makeUsage } from './usage.js'
import { deliver, makeEndpoint, webhooksPath } from './webhooks.js'

const widths = [320, 390, 704, 768, 1024, 1200, 1280, 1920]

// everything makes keys with usage, and a webhook endpoint with deliveries.
const everything = {
  make: async (page, skipup) => {
    const keys = await makeTeam(page, { skipup })
    await makeUsage(page, { skipup, key: keys['CRM sync'], days: 2 })
    const hook = await makeEndpoint(page, { description: 'Keeps the customer relationship manager up to date' })
    await deliver(skipup, hook, [{}, { status: 'failed', code: 0, failure: 'tls', type: 'meeting_request.organizer_changed' }])
    return { key: `${listPath}/${keys['CRM sync'].id}`, hook: hook.address }
  },
}

// invisible returns what can have the focus but can't be seen, even with the focus.
const invisible = (page) => page.evaluate(() =>
  [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter((stop) => stop.tabIndex >= 0 && !stop.disabled && stop.checkVisibility({ visibilityProperty: true }) && !stop.matches('.skip-link'))
    .filter((stop) => [stop, ...(stop.labels ?? [])].every((shown) => shown.offsetWidth < 2 || shown.offsetHeight < 2))
    .map((stop) => stop.outerHTML.slice(0, 120)))

// sticksOut returns texts that stick out of their cards, except for those that are cut or can be scrolled to.
const sticksOut = (page) => page.evaluate(() =>
  [...document.querySelectorAll('.card')].flatMap((card) => {
    const { right } = card.getBoundingClientRect()
    return [...card.querySelectorAll('*')]
      .filter((part) => part.childElementCount === 0 && part.textContent.trim() && part.checkVisibility() && !part.closest('.sr-only, .truncate, .tabs, pre, [tabindex="0"], [popover]'))
      .filter((part) => part.getBoundingClientRect().right > right + 0.5)
      .map((part) => part.textContent.trim().slice(0, 80))
  }))

test.describe(() => {
  test.use({ contents: everything })

  test('pages fit, and nothing moves', async ({ page, skipup }) => {
    await useSession(page, skipup)
    await page.addInitScript(() => {
      window.shift = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
    })
    const { key, hook } = skipup.contents
    const found = []
    for (const address of [
      listPath, listPath + '/new', listPath + '/leaks', key, key + '/usage', key + '/access', key + '/pause', key + '/rotation', key + '/delete',
      '/settings/members', '/settings/seats', webhooksPath, webhooksPath + '/new', hook, hook + '/replay', '/settings/audit-log', '/settings/policy', '/settings/test-workspace', '/settings/account', '/settings/notifications', '/docs', '/docs/meeting-requests',
    ]) {
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 800 })
        await page.goto(address, { waitUntil: 'networkidle' })
        const shift = await page.evaluate(() => window.shift)
        if (shift > 0.02) found.push(`${address} at ${width}: moves by ${shift}`)
      }
      for (const width of widths) {
        await page.setViewportSize({ width, height: 800 })
        const overflow = await horizontalOverflow(page)
        if (overflow > 0) found.push(`${address} at ${width}: overflows by ${overflow} pixels`)
        for (const text of await sticksOut(page)) found.push(`${address} at ${width}: "${text}" sticks out of its card`)
        for (const stop of await invisible(page)) found.push(`${address} at ${width}: invisible tab stop ${stop}`)
      }
    }
    expect(found).toEqual([])
  })

  test('a delivery names its event in full on a phone', async ({ page, skipup }) => {
    await useSession(page, skipup)
    await page.setViewportSize({ width: 390, height: 800 })
    await page.goto(skipup.contents.hook)
    const events = page.locator('.delivery summary code')
    await expect(events).toHaveText(['member.added', 'meeting_request.organizer_changed'])
    expect(await events.evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)), 'cut events').toEqual([])
  })

  test('the list of keys transfers at most 25 KB when it is opened again', async ({ page, skipup }) => {
    await useSession(page, skipup)
    await page.goto(listPath, { waitUntil: 'networkidle' })
    const network = await page.context().newCDPSession(page)
    await network.send('Network.enable')
    let bytes = 0
    network.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
    await page.goto(listPath, { waitUntil: 'networkidle' })
    expect(bytes, 'bytes').toBeGreaterThan(1000)
    expect(bytes, 'bytes').toBeLessThanOrEqual(25_000)
  })
})
