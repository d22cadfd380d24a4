// Times are relative or exact, in the viewer's time zone.
import { expect, test } from './test.js'
import { ada, dialog, listPath, openForm, row, shownKey, submit, untilADate, useSession } from './steps.js'

test.use({ timezoneId: 'Asia/Tokyo' })

// inTokyo formats a time as the pages do, without the name of the zone.
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
  await expect(page).toHaveURL(/key_/)
  await page.goto(listPath)
  return key
}

test('a key expires at the end of the day in its creator’s time zone', async ({ admin, skipup }) => {
  const key = await createUntil(admin, '2031-12-31')
  const { data } = JSON.parse((await skipup.call('/me', { key })).body)
  expect(data.expires_at).toBe('2031-12-31T15:00:00Z')
})

test('shows the exact time in the browser’s time zone from the first page on', async ({ page, skipup, otherBrowser }) => {
  const admin = await otherBrowser({ timezoneId: 'UTC' })
  await useSession(admin, skipup)
  await admin.goto(listPath)
  await createUntil(admin, '2031-12-31')
  await expect(row(admin, 'Until a day').locator('td').filter({ hasText: /^\s*Expires/ }).locator('time')).toHaveAttribute('title', '1 Jan 2032, 00:00 UTC')

  await page.context().addCookies((await admin.context().cookies()).filter(({ name }) => name !== 'timezone'))
  const expiry = row(page, 'Until a day').locator('td').filter({ hasText: /^\s*Expires/ }).locator('time')
  const created = row(page, 'Until a day').locator('td').filter({ hasText: /^\s*Created/ }).locator('time')
  const renderedBy = { 'the script, after the server rendered UTC': 'UTC', 'the server, which knows the zone now': 'Asia/Tokyo' }
  for (const [who, zone] of Object.entries(renderedBy)) {
    await page.goto(listPath)
    await expect(page.locator('body'), who).toHaveAttribute('data-zone', zone)
    await expect(expiry, who).toHaveAttribute('title', /^1 Jan 2032, 09:00 (JST|GMT\+9)$/)
    await expect(expiry.locator('[data-exact]'), 'for screen readers').toHaveText(/^1 Jan 2032, 09:00 /)
    const at = new Date(await created.getAttribute('datetime'))
    await expect(created, who).toHaveAttribute('title', new RegExp('^' + inTokyo(at)))
    await expect(page.getByText('Times in Asia/Tokyo')).toBeVisible()
  }
})

test('relative times are updated while the page is open', async ({ admin }) => {
  await createUntil(admin, '2031-12-31')
  const relative = row(admin, 'Until a day').locator('td').filter({ hasText: /^\s*Created/ }).locator('[data-relative]')
  await expect(relative).toHaveText('just now')
  await admin.clock.install()
  await admin.reload()
  await expect(relative).toHaveText('just now')
  await admin.clock.fastForward('03:00:00')
  await expect(relative).toHaveText('3 hours ago')
})

test('times are exact for people who prefer that', async ({ admin }) => {
  await createUntil(admin, '2031-12-31')
  const expiry = row(admin, 'Until a day').locator('td').filter({ hasText: /^\s*Expires/ }).locator('time')
  await expect(expiry).toContainText(/in \d+ years/)
  await admin.getByText(ada.email).click()
  await admin.getByRole('group', { name: 'Times' }).getByRole('button', { name: 'Exact' }).click()
  await expect(expiry, 'on the same page, reloaded').toHaveText(/^1 Jan 2032, 00:00 (JST|GMT\+9)$/)

  await admin.goto('/settings/account')
  await expect(admin.getByRole('main').getByRole('group', { name: 'Times' }).getByRole('button', { name: 'Exact' })).toHaveAttribute('aria-pressed', 'true')
  await admin.keyboard.press('Control+k')
  await admin.getByRole('combobox').fill('Relative')
  await admin.keyboard.press('Enter')
  await expect(admin.getByRole('main').getByRole('group', { name: 'Times' }).getByRole('button', { name: 'Relative' })).toHaveAttribute('aria-pressed', 'true')
  await expect(admin).toHaveURL('/settings/account')
})
