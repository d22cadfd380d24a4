// axe finds nothing wrong with any state of any page. Tests with the tag @thorough, which `make accessibility` runs, check
// one state of each page and dialog with axe in dark mode and on a phone, HTML_CodeSniffer, and IBM's Equal Access engine:
// they take longer. The page behind a dialog has a state of its own.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { expect, test } from './test.js'
import { forEachState, settled, setupStates, states } from './states.js'

const { resolve } = createRequire(import.meta.url)
const read = (path) => readFile(resolve(path), 'utf8')
const axeEngine = await read('axe-core/axe.min.js')
const otherEngines = (await Promise.all(['html_codesniffer/build/HTMLCS.js', 'accessibility-checker-engine/ace.js'].map(read))).join('\n;')

// accepted are findings that are wrong. For those of IBM's engine, axe checks the same and finds nothing.
const accepted = [
  // The command box searches while a person types, and Enter sends a form with one field.
  /^\d+ light sniffer \S+H32\.2: <form [^>]*action="[^"]*\/search"/,
  // A script submits this form once the browser has answered with a passkey.
  /^\d+ light sniffer \S+H32\.2: <form [^>]*action="\/login\/passkey"/,
  // A form without a name isn't a landmark (HTML-AAM 1.0), so it needs no unique label.
  /^\d+ light ibm aria_form_label_unique:/,
  // It overlooks visually hidden labels of select elements.
  /^\d+ light ibm input_label_exists: <select [^>]*id=/,
  // These labels only enlarge the target of a checkbox, which has its name in aria-label.
  /^\d+ light ibm label_content_exists: <label( class="needs-script")?>/,
  // HTML allows a username in a field for an email address, and "webauthn" after it, since 2023.
  /^\d+ light ibm input_autocomplete_valid: <input [^>]*autocomplete="username( webauthn)?"/,
  // The groups of events are in one group for all of them.
  /^\d+ light ibm input_checkboxes_grouped: <input [^>]*name="events"/,
  // CSS changes the display of tables, so the markup states the roles that this removes.
  /^\d+ light ibm table_aria_descendants: <td [^>]*role="rowheader"/,
]

const thorough = [
  'setup', 'sign-in', 'forgot', 'forgot-sent', 'reset', 'reset-used', 'member-reset-link', 'member-details', 'account-name', 'account-email', 'account-email-by-operator', 'second-factor-setup', 'recovery-codes', 'second-factor', 'second-factor-remove', 'recovery-codes-replace', 'sign-in-code', 'sign-in-passkey', 'passkeys', 'passkey-add', 'passkey-remove', 'sign-in-second-passkey', 'step-up-passkey', 'step-up', 'step-up-single-sign-on', 'single-sign-on-unavailable', 'confirm-email', 'list-empty', 'list', 'create-dialog', 'created', 'detail', 'delete-dialog-in-use', 'key-usage', 'key-access', 'rotate-dialog', 'rotation', 'leaks-found', 'pause-dialog', 'bulk-preview', 'review-everything',
  'webhooks', 'webhook', 'webhook-new', 'webhook-replay', 'webhook-example', 'webhook-curl', 'webhook-delete', 'members', 'member-dialog', 'member-invite', 'member-deactivate', 'invitation', 'seats', 'seat-assign-dialog', 'seat-release',
  'audit-log', 'account', 'test-workspace-dialog', 'test-workspace', 'policy', 'shorten-dialog', 'docs', 'docs-resource', 'key-deleted', 'not-found',
]

const light = { width: 1280, colorScheme: 'light' }
const dark = { width: 1280, colorScheme: 'dark' }
const phone = { width: 390, colorScheme: 'light' }

forEachState({ ...setupStates, ...states }, (name, open) => {
  test(`no accessibility problems: ${name}`, async ({ page, skipup, faults }) => {
    await open(page, { skipup, faults })
    await page.evaluate(axeEngine)
    await check(page, light, axe)
    if (name.endsWith('-rejected')) await check(page, dark, colors)
  })
  if (!thorough.includes(name)) return
  test(`no accessibility problems in other looks and engines: ${name}`, { tag: '@thorough' }, async ({ page, skipup, faults }) => {
    await open(page, { skipup, faults })
    await page.evaluate(axeEngine)
    await page.evaluate(otherEngines)
    await check(page, light, sniffer, ibm)
    await check(page, dark, colors)
    await check(page, phone, layout)
  })
})

// check expects that no engine finds a problem with a page in a look.
async function check(page, { width, colorScheme }, ...engines) {
  await page.setViewportSize({ width, height: 900 })
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  await settled(page)
  for (const engine of engines) {
    const findings = (await engine(page)).map((finding) => `${width} ${colorScheme} ${finding}`)
    expect.soft(findings.filter((finding) => !accepted.some((pattern) => pattern.test(finding)))).toEqual([])
  }
}

const colorRules = ['color-contrast', 'link-in-text-block'] // most of what axe does
const rules = { 'target-size': { enabled: true } }

const axe = (page) => runAxe(page, 'color-contrast', { rules })

// In dark mode, only colors differ.
const colors = (page) => runAxe(page, 'color-contrast', { runOnly: colorRules })

// On a phone, colors don't differ.
const layout = (page) => runAxe(page, 'target-size', { rules: { ...rules, ...Object.fromEntries(colorRules.map((rule) => [rule, { enabled: false }])) } })

// runAxe returns what axe finds. A rule that passes on every page proves that axe could look at the page.
async function runAxe(page, passing, options) {
  await raise(page)
  const { violations, passes } = await page.evaluate(
    (options) => window.axe.run(document.querySelector('dialog:modal') ?? document, options), { resultTypes: ['violations'], ...options })
  expect(passes.map(({ id }) => id), 'rules that pass').toContain(passing)
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `axe ${id}: ${node.target} ${node.failureSummary}`))
}

// raise gives the dialog a z-index, because axe doesn't know about the top layer and ignores elements
// that it takes to be covered.
const raise = (page) => page.locator('dialog:modal').evaluateAll((dialogs) => dialogs.forEach((dialog) => (dialog.style.zIndex = '999')))

// sniffer returns the errors that HTML_CodeSniffer finds. Its warnings and notices are what a person
// should look at.
const sniffer = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const error = 1
  // It fails on values of autocomplete that it doesn't know, which axe checks.
  window.HTMLCS_WCAG2AAA_Sniffs_Principle1_Guideline1_3_1_3_5.process = () => {}
  window.HTMLCS.process('WCAG2AA', document, () => resolve(window.HTMLCS.getMessages().filter(({ type }) => type === error)
    .map(({ code, msg, element }) => `sniffer ${code}: ${element.outerHTML?.slice(0, 200)} ${msg}`)), reject)
}))

// ibm returns the violations that IBM's engine is sure of.
const ibm = (page) => page.evaluate(async () => {
  const { results } = await new window.ace.Checker().check(document.querySelector('dialog:modal') ?? document, ['WCAG_2_2'])
  return results.filter(({ value }) => value[0] === 'VIOLATION' && value[1] === 'FAIL')
    .map(({ ruleId, snippet, message }) => `ibm ${ruleId}: ${snippet?.slice(0, 200)} ${message}`)
})
