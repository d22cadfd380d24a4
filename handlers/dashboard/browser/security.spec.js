// Protections that the browser enforces.
import { createServer } from 'node:http'
import { expect, test } from './test.js'
import { listPath, makeKey, rows } from './steps.js'

test('blocks injected scripts and styles', async ({ admin, faults }) => {
  await admin.evaluate(() => {
    const holder = document.createElement('div')
    holder.innerHTML = '<img src="x:" onerror="window.ran = true"><p id="styled" style="color: rgb(1, 2, 3)">'
    document.body.append(holder)
    const script = document.createElement('script')
    script.textContent = 'window.ran = true'
    document.body.append(script)
  })
  for (const blocked of ["image 'x:'", 'inline event handler', 'inline script', 'inline style']) {
    await faults.expected(new RegExp(`${blocked} violates the following Content Security Policy`))
  }
  expect(await admin.evaluate(() => window.ran)).toBeUndefined()
  expect(await admin.evaluate(() => getComputedStyle(document.getElementById('styled')).color)).not.toBe('rgb(1, 2, 3)')
})

test('rejects a form from another site', async ({ admin, context, faults, skipup }) => {
  const { id } = await makeKey(admin, { name: 'Precious' })
  faults.hosts.add('elsewhere.test')
  await context.route('http://elsewhere.test/', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<form method="post" action="${skipup.url}${listPath}/${id}/delete"><button>Win a prize</button></form>`,
  }))
  const trap = await context.newPage()
  await trap.goto('http://elsewhere.test/')
  await trap.getByRole('button').click()
  await expect(trap.getByText('This form came from another site.')).toBeVisible()
  await admin.reload()
  await expect(rows(admin)).toHaveCount(1)
})

test('cannot be framed by another site', async ({ page, faults, skipup }) => {
  const html = `<link rel="icon" href="data:,"><iframe src="${skipup.url}/docs"></iframe>`
  const trap = createServer((request, response) => response.setHeader('Content-Type', 'text/html').end(html))
  await new Promise((resolve) => trap.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${trap.address().port}`
  faults.hosts.add(host)
  await page.goto(`http://${host}/`)
  await faults.expected(/frame-ancestors 'none'/)
  await expect.poll(() => page.frames()[1].url(), 'error page in the frame').toMatch(/^chrome-error:/)
  trap.close()
})

test('hides the session cookie from scripts', async ({ admin, context }) => {
  const session = (await context.cookies()).find(({ name }) => name.startsWith('skipup_session'))
  expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' })
  expect(await admin.evaluate(() => document.cookie)).not.toContain('skipup')
})
