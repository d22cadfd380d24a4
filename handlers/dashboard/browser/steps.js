// What tests do again and again, in the words of the pages.
import { expect } from '@playwright/test'

export { shell } from './skipup.js'

export const ada = { workspace: 'Acme', name: 'Ada Admin', email: 'ada@acme.test', password: 'seven quiet lighthouses' }

export const listPath = '/settings/api-keys'

// setUp makes Ada's workspace and signs her in, in the browser that page belongs to.
export async function setUp(page, skipup, details = ada) {
  const answer = await page.request.post(skipup.setUpLink, { form: details })
  expect(answer.url(), 'set up').toBe(skipup.url + listPath)
}

export async function signIn(page, { email, password } = ada) {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

// makeKey makes a key of the workspace that page shows, without the page. It returns the id and
// the text of the key.
export async function makeKey(page, { name = 'CI', scopes = [], expiry = 'never', expiryDate = '', formID = crypto.randomUUID() } = {}) {
  const form = new URLSearchParams({ form_id: formID, name, expiry, expiry_date: expiryDate })
  for (const scope of scopes) form.append('scopes', scope)
  const answer = await page.request.post(listPath, {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    data: form.toString(),
  })
  expect(answer.status(), 'make a key').toBe(201)
  const html = await answer.text()
  return { name, id: /\/settings\/api-keys\/(key_\w+)/.exec(html)[1], key: /value="(sk_live_\w+)"/.exec(html)[1] }
}

// makeKeys makes a key for each of many orders, a few at a time.
export async function makeKeys(page, orders) {
  const made = []
  for (let i = 0; i < orders.length; i += 8) made.push(...(await Promise.all(orders.slice(i, i + 8).map((order) => makeKey(page, order)))))
  return made
}

export const dialog = (page) => page.getByRole('dialog')

// openForm opens the form for a new key in the dialog.
export async function openForm(page) {
  await page.getByRole('link', { name: 'Create key' }).first().click()
  await expect(dialog(page).getByLabel('Name')).toBeFocused()
}

// createKey makes a key in the dialog and leaves it open where the key is shown. It returns the
// text of the key.
export async function createKey(page, { name = 'CI', scopes = [] } = {}) {
  await openForm(page)
  await dialog(page).getByLabel('Name').fill(name)
  for (const scope of scopes) await page.locator(`input[name=scopes][value="${scope}"]`).check()
  await submit(page)
  await expect(shownKey(page)).toBeFocused()
  return shownKey(page).inputValue()
}

// submit presses the button that people see: the form has another for the Enter key alone.
export const submit = (page) => page.locator('[data-submit]').click()

// untilADate is the choice of an expiry that asks for the date.
export const untilADate = (page) => page.locator('input[name=expiry][value=date]')

// nameToConfirm is the field that the deletion of a key in use asks to fill in.
export const nameToConfirm = (page) => page.getByRole('textbox', { name: /^Type .* to confirm/ })

export const shownKey = (page) => page.getByRole('textbox', { name: /^Key for/ })

export const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

export const rows = (page) => page.locator('#keys tbody').getByRole('row')

// tabTo presses Tab until the element has the focus, as somebody without a mouse does.
export async function tabTo(page, target, { key = 'Tab', most = 60 } = {}) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press(key)
    if (await target.evaluate((element) => element === document.activeElement)) return
  }
  throw new Error(`${target} was not reached by ${most} presses of ${key}`)
}

// everythingKept is all that a page keeps: what it shows, its address, and what it stores.
export async function everythingKept(page) {
  const kept = await page.evaluate(() => {
    const values = [...document.querySelectorAll('input, textarea')].map((field) => field.value)
    return JSON.stringify([
      document.documentElement.outerHTML, values, location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie,
    ])
  })
  return kept + JSON.stringify(await page.context().storageState())
}

// sideways is by how many pixels the page can be scrolled to the side, which should be none.
export function sideways(page) {
  return page.evaluate(() => Math.max(0, document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth))
}
