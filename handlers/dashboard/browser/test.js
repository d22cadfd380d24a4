// The test function for all specs. Each test runs its own server, and fails on browser errors, server
// errors, and leaked secrets, whatever else it tests.
import { test as base, expect } from '@playwright/test'
import { ada, listPath, nameWorkspace, setLastProof, setUp, useSession } from './steps.js'
import { SkipUp } from './skipup.js'

export { expect }

export const test = base.extend({
  // Environment variables of the server, set with test.use().
  variables: [{}, { option: true }],

  // Whether the server has Ada's workspace already.
  isSetUp: [true, { option: true }],

  // What the workspace contains, if anything: an object whose make(page, skipup) creates it once for all
  // tests of a worker. What it returns is skipup.contents.
  contents: [undefined, { option: true }],

  // Returns a stopped server that Ada has set up, with contents. Tests start from copies of its database.
  template: [
    async ({ browser }, use) => {
      const templates = new Map()
      const template = (contents) => {
        if (!templates.has(contents)) templates.set(contents, make(contents))
        return templates.get(contents)
      }
      const make = async (contents) => {
        const skipup = await SkipUp.start({}, contents && (await template()))
        const context = await browser.newContext({ baseURL: skipup.url })
        nameWorkspace(context)
        const page = await context.newPage()
        if (contents) {
          await useSession(page, skipup)
          skipup.contents = await contents.make(page, skipup)
        } else {
          await setUp(page, skipup)
          skipup.cookies = await context.cookies()
          await setLastProof(skipup, '+1 day') // the tests of a worker may take longer than a proof counts
        }
        await context.close()
        await skipup.exit()
        return skipup
      }
      await use(template)
      for (const skipup of templates.values()) await (await skipup).stop()
    },
    { scope: 'worker' },
  ],

  skipup: async ({ variables, isSetUp, contents, template }, use) => {
    const skipup = await SkipUp.start(variables, isSetUp ? await template(contents) : undefined)
    try {
      await use(skipup)
    } finally {
      skipup.exitCode ??= await skipup.stop()
    }
  },

  baseURL: async ({ skipup }, use) => use(skipup.url),

  context: async ({ context }, use) => {
    nameWorkspace(context)
    await use(context)
  },

  // Errors in the background. A test that causes one on purpose calls faults.expected().
  faults: [
    async ({ context, skipup }, use) => {
      const faults = new Faults(skipup)
      faults.watch(context)
      await use(faults)
      await Promise.all(context.pages().map((page) => page.close()))
      skipup.exitCode = await skipup.stop()
      faults.check()
    },
    { auto: true },
  ],

  // Opens a page in a separate browser context.
  otherBrowser: async ({ browser, baseURL, faults }, use) => {
    const contexts = []
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, ...options })
      contexts.push(context)
      nameWorkspace(context)
      faults.watch(context)
      return context.newPage()
    })
    await Promise.all(contexts.map((context) => context.close()))
  },

  // A page that shows the list of keys to Ada, the first admin.
  admin: async ({ page, skipup }, use) => {
    await useSession(page, skipup)
    await page.goto(listPath)
    await use(page)
  },
})

// A busy machine may not let a server renew its lease in time.
const isLate = (line) => /"error":"read revocation: (context deadline exceeded|sqlite3: interrupted)"/.test(line)

const keyText = /[a-z][a-z0-9]+_(live|test)_[0-9A-Za-z]{36}/

class Faults {
  found = []

  constructor(skipup) {
    this.skipup = skipup
    this.hosts = new Set([new URL(skipup.url).host])
  }

  watch(context) {
    context.on('weberror', (error) => this.found.push('page error: ' + error.error()))
    context.on('dialog', (dialog) => {
      this.found.push('message box: ' + dialog.message())
      dialog.dismiss()
    })
    context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      if (message.text().startsWith('Failed to load resource: the server responded')) return // reported as a response
      this.found.push(`console: ${message.text()} (${message.location().url})`)
    })
    context.on('request', (request) => this.checkURL(request.url()))
    context.on('response', (response) => {
      const asset = !['document', 'fetch', 'xhr'].includes(response.request().resourceType())
      if (response.status() >= 500 || (asset && response.status() >= 400)) this.found.push(`${response.status()} for ${response.url()}`)
    })
  }

  checkURL(url) {
    const { protocol, host } = new URL(url)
    if (protocol.startsWith('http') && !this.hosts.has(host)) this.found.push('request to another host: ' + url)
    if (keyText.test(url)) this.found.push('key in a URL: ' + url)
  }

  // expected waits for a fault that matches the pattern, and drops all that do.
  async expected(pattern) {
    const matches = (fault) => pattern.test(fault)
    await expect.poll(() => this.found.some(matches), { message: `a fault that matches ${pattern}` }).toBe(true)
    this.found = this.found.filter((fault) => !matches(fault))
  }

  // check reports the faults. The server must have stopped, so that its log is complete.
  check() {
    const { exitCode, log, stdout } = this.skipup
    if (exitCode !== 0) this.found.push(`the server exited with ${exitCode}`)
    for (const line of log.split('\n')) {
      if (/"level":"ERROR"|^panic|^goroutine/.test(line) && !isLate(line)) this.found.push('log: ' + line)
    }
    for (const [name, secret] of Object.entries({ key: keyText, password: ada.password, 'setup token': /\/setup\/[A-Z2-7]{26}/, invitation: /\/invitations\/[A-Z2-7]{26}/ })) {
      if (log.search(secret) >= 0) this.found.push(`${name} in the log`)
    }
    if (keyText.test(stdout)) this.found.push('key on standard output')
    if (this.found.length > 0) throw new Error('Errors in the background:\n' + this.found.join('\n'))
  }
}
