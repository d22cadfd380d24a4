// Times are in words, with the exact moment in the zone of whoever looks.
import { expect, test } from './test.js'
import { dialog, listPath, openForm, row, setUp, shownKey, submit, untilADate } from './steps.js'

test.use({ timezoneId: 'Asia/Tokyo' })

// inTokyo is a moment as the pages write it, without the name of the zone.
function inTokyo(at) {
  const parts = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }
  return new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tokyo', ...parts }).format(at)
}

async function createUntil(page, date) {
  await openForm(page)
  await dialog(page).getByLabel('Name').fill('Until a day')
  await untilADate(page).check()
  await page.getByLabel('Expiry date').fill(date)
  await submit(page)
  const key = await shownKey(page).inputValue()
  await page.getByRole('link', { name: 'Done' }).click()
  return key
}

test('a key that expires on a day works on that day to its end, where its maker is', async ({ admin, skipup }) => {
  const key = await createUntil(admin, '2031-12-31')
  const { data } = JSON.parse((await skipup.call('/me', { key })).body)
  expect(data.expires_at).toBe('2031-12-31T15:00:00Z')
})

test('the exact moment is in the zone of the browser, from the first page on', async ({ page, skipup, otherBrowser }) => {
  const admin = await otherBrowser({ timezoneId: 'UTC' })
  await setUp(admin, skipup)
  await admin.goto(listPath)
  await createUntil(admin, '2031-12-31')
  await expect(row(admin, 'Until a day').locator('[data-cell=expiry] time')).toHaveAttribute('title', '1 Jan 2032, 00:00 UTC')

  await page.context().addCookies((await admin.context().cookies()).filter(({ name }) => name !== 'timezone'))
  const expiry = row(page, 'Until a day').locator('[data-cell=expiry] time')
  const created = row(page, 'Until a day').locator('[data-cell=created] time')
  const drawnBy = { 'the script, over what was drawn for UTC': 'UTC', 'the server, which knows the zone now': 'Asia/Tokyo' }
  for (const [who, zone] of Object.entries(drawnBy)) {
    await page.goto(listPath)
    await expect(page.locator('body'), who).toHaveAttribute('data-zone', zone)
    await expect(expiry, who).toHaveAttribute('title', /^1 Jan 2032, 09:00 (JST|GMT\+9)$/)
    await expect(expiry.locator('[data-exact]'), 'for assistive technology').toHaveText(/^1 Jan 2032, 09:00 /)
    const at = new Date(await created.getAttribute('datetime'))
    await expect(created, who).toHaveAttribute('title', new RegExp('^' + inTokyo(at)))
    await expect(page.getByText('Times in Asia/Tokyo')).toBeVisible()
  }
})

test('the words stay fresh while the page is open', async ({ admin }) => {
  await createUntil(admin, '2031-12-31')
  const words = row(admin, 'Until a day').locator('[data-cell=created] [data-relative]')
  await expect(words).toHaveText('just now')
  await admin.clock.install()
  await admin.reload()
  await expect(words).toHaveText('just now')
  await admin.clock.fastForward('03:00:00')
  await expect(words).toHaveText('3 hours ago')
})
