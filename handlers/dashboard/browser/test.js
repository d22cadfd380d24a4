// The test function of every file here. Each test has a server of its own, and fails on what no
// page may ever do, whatever else it is about.
import { test as base, expect } from '@playwright/test'
import { ada, setUp } from './steps.js'
import { SkipUp } from './skipup.js'

export { expect }

export const test = base.extend({
  // Variables that the server is started with, as test.use() sets them.
  variables: [{}, { option: true }],

  skipup: async ({ variables }, use) => {
    const skipup = await SkipUp.start(variables)
    try {
      await use(skipup)
    } finally {
      skipup.how ??= await skipup.stop()
    }
  },

  baseURL: async ({ skipup }, use) => use(skipup.url),

  // What went wrong in the background. A test that means it to happen takes it out by expected().
  faults: [
    async ({ context, skipup }, use) => {
      const faults = new Faults(skipup)
      faults.watch(context)
      await use(faults)
      await Promise.all(context.pages().map((page) => page.close()))
      skipup.how = await skipup.stop()
      faults.check()
    },
    { auto: true },
  ],

  // Opens a page in another browser, which shares nothing with the first.
  otherBrowser: async ({ browser, baseURL, faults }, use) => {
    const contexts = []
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, ...options })
      contexts.push(context)
      faults.watch(context)
      return context.newPage()
    })
    await Promise.all(contexts.map((context) => context.close()))
  },

  // A page at the list of keys, in which the first admin is signed in.
  admin: async ({ page, skipup }, use) => {
    await setUp(page, skipup)
    await page.goto('/settings/api-keys')
    await use(page)
  },
})

const keyText = /sk_(live|test)_[0-9A-Za-z]{36}/

class Faults {
  found = []

  constructor(skipup) {
    this.skipup = skipup
    this.hosts = new Set([new URL(skipup.url).host])
  }

  watch(context) {
    context.on('weberror', (error) => this.found.push('page error: ' + error.error()))
    context.on('dialog', (dialog) => {
      this.found.push('the page opened a message box: ' + dialog.message())
      dialog.dismiss()
    })
    context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      if (message.text().startsWith('Failed to load resource: the server responded')) return // seen as a response
      this.found.push(`console: ${message.text()} (${message.location().url})`)
    })
    context.on('request', (request) => this.checkAddress(request.url()))
    context.on('response', (response) => {
      const asset = !['document', 'fetch', 'xhr'].includes(response.request().resourceType())
      if (response.status() >= 500 || (asset && response.status() >= 400)) this.found.push(`${response.status()} for ${response.url()}`)
    })
  }

  checkAddress(address) {
    const { protocol, host } = new URL(address)
    if (protocol.startsWith('http') && !this.hosts.has(host)) this.found.push('asked a foreign host: ' + address)
    if (keyText.test(address)) this.found.push('a key is in an address: ' + address)
  }

  // expected takes out what a test meant to happen, and fails if it did not.
  async expected(words) {
    const meant = (fault) => words.test(fault)
    await expect.poll(() => this.found.some(meant), { message: `a fault that says ${words}` }).toBe(true)
    this.found = this.found.filter((fault) => !meant(fault))
  }

  // check is called once the server has ended, so that its log is complete.
  check() {
    const { how, log, said, setUpLink } = this.skipup
    if (how !== 0) this.found.push(`the server ended with ${how}`)
    for (const line of log.split('\n')) {
      if (/"level":"ERROR"|^panic|^goroutine/.test(line)) this.found.push('log: ' + line)
    }
    for (const [name, secret] of Object.entries({ key: keyText, password: ada.password, 'set-up token': setUpLink.split('/').at(-1), invitation: /\/invitations\/[A-Z2-7]{26}/ })) {
      if (log.search(secret) >= 0) this.found.push(`a ${name} is in the log`)
    }
    if (keyText.test(said)) this.found.push('a key is on standard output')
    if (this.found.length > 0) throw new Error('Something went wrong in the background:\n' + this.found.join('\n'))
  }
}
