// Measures the pages of the demo with Lighthouse and prints the scores. It fails if one falls short. Run it
// with `make lighthouse`, on a machine that does nothing else. npx downloads Lighthouse, because nothing else
// needs it.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { chromium } from '@playwright/test'
import tests from './playwright.config.js'
import { SkipUp } from './skipup.js'
import { listPath } from './steps.js'

const lighthouse = 'lighthouse@13.5.0'
const port = 9333
const required = { desktop: { accessibility: 100, performance: 95 }, mobile: { accessibility: 100, performance: 85 } }

const skipup = await SkipUp.demo()
const { executablePath, args } = tests.use.launchOptions
const browser = await chromium.launch({ executablePath, args: [...args, `--remote-debugging-port=${port}`] })
let failed = false
try {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(skipup.setupLink)
  await page.waitForURL('**' + listPath)
  const usage = await page.getByRole('link', { name: 'Website booking form', exact: true }).getAttribute('href')
  const list = new URL(page.url()).pathname // names the workspace
  const cookies = await context.cookies()
  await context.close()
  const headers = JSON.stringify({ Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') })
  const rows = []
  for (const [name, path] of Object.entries({ list, key: usage, usage: usage + '/usage', docs: '/docs' })) {
    for (const device of ['desktop', 'mobile']) {
      const lhr = await measure(skipup.url + path, headers, device)
      const row = { page: name, device }
      for (const [category, least] of Object.entries(required[device])) {
        row[category] = Math.round(lhr.categories[category].score * 100)
        if (row[category] >= least) continue
        failed = true
        const audits = lhr.categories[category].auditRefs.map(({ id }) => lhr.audits[id]).filter(({ score }) => score !== null && score < 0.9)
        row.why = audits.map(({ id, displayValue = '' }) => `${id} ${displayValue}`.trim()).join(', ')
      }
      rows.push(row)
    }
  }
  console.table(rows)
} finally {
  await browser.close()
  await skipup.stop()
}
process.exitCode = failed ? 1 : 0

// measure returns Lighthouse's result for a page.
async function measure(url, headers, device) {
  const { stdout } = await promisify(execFile)('npx', [
    '--yes', lighthouse, url, '--quiet', '--output=json', `--port=${port}`, '--only-categories=accessibility,performance', '--disable-storage-reset',
    `--extra-headers=${headers}`, ...(device === 'desktop' ? ['--preset=desktop'] : []),
  ], { maxBuffer: 2 ** 28 })
  return JSON.parse(stdout)
}
