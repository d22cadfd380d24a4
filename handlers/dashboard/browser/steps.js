// Steps that many tests share.
import { createHash, createHmac } from 'node:crypto'
import { expect } from '@playwright/test'

export { shell } from './skipup.js'

export const ada = { workspace: 'Acme', name: 'Ada Admin', email: 'ada@acme.test', password: 'seven quiet lighthouses' }

export const listPath = '/settings/api-keys'

// inWorkspace returns what matches the URL of a page in a workspace, which path need not name.
export const inWorkspace = (path) => new RegExp('^\\w+://[^/]+' + (path.startsWith('/w/') ? '' : '/w/ws_\\w+') + path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + '$')

// nameWorkspace makes a context send forms to the workspace last used, if their paths don't name one.
export function nameWorkspace({ request }) {
  const post = request.post.bind(request)
  request.post = async (path, options) => {
    if (!/^\/settings\/(?!account)/.test(path)) return post(path, options)
    const root = await request.get('/', { maxRedirects: 0 })
    return post(/^\/w\/\w+|/.exec(root.headers().location ?? '')[0] + path, options)
  }
}

// setUp creates Ada's workspace with a request, and signs her in in the page's browser.
export async function setUp(page, skipup, details = ada) {
  const response = await page.request.post(skipup.setupLink, { form: details })
  expect(response.url(), 'URL after the setup').toMatch(inWorkspace(listPath))
}

// useSession signs Ada in in the page's browser, on a server that is set up. Names of cookies end with
// the port, and the server has another one than its template, and possibly another host.
export const useSession = (page, skipup) => {
  const { hostname, port } = new URL(skipup.url)
  return page.context().addCookies(skipup.cookies.map((cookie) => ({ ...cookie, name: cookie.name.replace(/_\d+$/, '_' + port), domain: hostname })))
}

// atLocalhost are the variables of a server at which passkeys work.
export const atLocalhost = { SKIPUP_ADDR: 'localhost:0' }

export async function signIn(page, { email, password } = ada) {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

// resetLink returns the path of a link that the operator creates for Ada.
export async function resetLink(skipup) {
  const link = await skipup.run(['user', 'reset-link', ada.email])
  return new URL(link.trim()).pathname
}

// setLastProof sets how long ago everyone has proved who they are, as a modifier of SQLite's date.
export const setLastProof = (skipup, modifier) =>
  skipup.exec(`UPDATE sessions SET proven_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '${modifier}')`)

// codeOf returns the code that an authenticator app with a key shows now, or some periods of 30 seconds later
// (RFC 6238).
export function codeOf(key, periods = 0) {
  const bits = [...key.replaceAll(' ', '')].map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0')).join('')
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + periods))
  const sum = createHmac('sha1', secret).update(counter).digest()
  const number = sum.readUInt32BE(sum.at(-1) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

// setUpSecondFactor sets up an authenticator app in the dialog. It returns the key of the app, and the code that it used.
export async function setUpSecondFactor(page) {
  await page.goto('/settings/account')
  await page.getByRole('link', { name: 'Set up…' }).click()
  const key = await dialog(page).locator('#setup-key').textContent()
  const code = codeOf(key)
  await dialog(page).getByLabel('Code').fill(code)
  await submit(page)
  await expect(dialog(page).getByRole('heading', { name: 'Second factor set up' })).toBeVisible()
  return { key, code }
}

// confirmLink stores a link to a new email of Ada's, as an email would contain it, and returns its path.
export async function confirmLink(skipup, email) {
  const token = 'CONFIRM'
  const at = (modifier) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${modifier}')`
  await skipup.exec(`INSERT INTO account_links (digest, user_id, purpose, email, created_by, expires_at, created_at)
    SELECT x'${createHash('sha256').update(token).digest('hex')}', id, 'confirm', '${email}', '', ${at('+30 minutes')}, ${at('+0 minutes')}
    FROM users WHERE email = '${ada.email}'`)
  return '/confirm-email/' + token
}

// makeKey creates a key in the current workspace with a request. It returns its name, its ID, and the
// key.
export async function makeKey(page, { name = 'CI', scopes = [], expiry = 'never', expiryDate = '', formID = crypto.randomUUID() } = {}) {
  const form = new URLSearchParams({ form_id: formID, name, expiry, expiry_date: expiryDate })
  for (const scope of scopes) form.append('scopes', scope)
  const response = await page.request.post(listPath, {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    data: form.toString(),
  })
  expect(response.status(), 'create a key').toBe(201)
  const html = await response.text()
  return { name, id: /\/settings\/api-keys\/(key_\w+)/.exec(html)[1], key: /value="(sk_(?:live|test)_\w+)"/.exec(html)[1] }
}

// workspaceMenu opens the menu that switches workspaces.
export const workspaceMenu = (page) => page.locator('#sidebar summary', { hasText: 'Workspace:' })

// createTestWorkspace creates a test workspace in the dialog, which switches to it.
export async function createTestWorkspace(page) {
  await workspaceMenu(page).click()
  await page.getByRole('link', { name: 'Create test workspace' }).click()
  await dialog(page).getByRole('button', { name: 'Create test workspace' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Switched to' })).toBeVisible()
}

// makeKeys creates a key for each set of options, a few at a time.
export async function makeKeys(page, options) {
  const keys = []
  for (let i = 0; i < options.length; i += 8) keys.push(...(await Promise.all(options.slice(i, i + 8).map((option) => makeKey(page, option)))))
  return keys
}

export const dialog = (page) => page.getByRole('dialog')

// openForm opens the create form in the dialog.
export async function openForm(page) {
  await page.getByRole('link', { name: 'Create key' }).first().click()
  await expect(dialog(page).getByLabel('Name')).toBeFocused()
}

// createKey creates a key in the dialog, and leaves the dialog open. It returns the key.
export async function createKey(page, { name = 'CI', scopes = [] } = {}) {
  await openForm(page)
  await dialog(page).getByLabel('Name').fill(name)
  for (const scope of scopes) await page.locator(`input[name=scopes][value="${scope}"]`).check()
  await submit(page)
  await expect(shownKey(page)).toBeFocused()
  return shownKey(page).inputValue()
}

// submit clicks the visible submit button: the form has a hidden one for the Enter key.
export const submit = (page) => page.locator('[data-submit]').click()

// untilADate returns the radio button for a custom expiry date.
export const untilADate = (page) => page.locator('input[name=expiry][value=date]')

// nameToConfirm returns the field that confirms a change to a key in use.
export const nameToConfirm = (page) => page.getByRole('textbox', { name: /^Type .* to confirm/ })

export const shownKey = (page) => page.getByRole('textbox', { name: /^Key for/ })

export const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

export const rows = (page) => page.locator('#keys tbody').getByRole('row')

// tabTo presses Tab until the target has the focus.
export async function tabTo(page, target, { key = 'Tab', most = 60 } = {}) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press(key)
    if (await target.evaluate((element) => element === document.activeElement)) return
  }
  throw new Error(`${target} has no focus after pressing ${key} ${most} times`)
}

// retainedState returns all that a page retains: its content, URL, history state, and storage.
export async function retainedState(page) {
  const state = await page.evaluate(() => {
    const values = [...document.querySelectorAll('input, textarea')].map((field) => field.value)
    return JSON.stringify([
      document.documentElement.outerHTML, values, location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie,
    ])
  })
  return state + JSON.stringify(await page.context().storageState())
}

// spaceText spaces the text of a page as WCAG 1.4.12 allows a person to.
export function spaceText(page) {
  return page.evaluate(() => {
    for (const element of document.querySelectorAll('*')) {
      element.style.letterSpacing = '0.12em'
      element.style.wordSpacing = '0.16em'
      element.style.lineHeight = '1.5'
    }
  })
}

// horizontalOverflow returns by how many pixels the page scrolls horizontally.
export function horizontalOverflow(page) {
  return page.evaluate(() => Math.max(0, document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth))
}
