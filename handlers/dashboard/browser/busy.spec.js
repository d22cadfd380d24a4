// Feedback while a response takes a second, and dialogs that open once.
import { expect, test } from './test.js'
import { dialog, inWorkspace, listPath, makeKey, openForm } from './steps.js'

// slow delays requests for a path by a second, and returns how many there were.
async function slow(page, path) {
  const requests = []
  await page.route(path, async (route) => {
    requests.push(route.request().url())
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await route.continue()
  })
  return requests
}

// feedback clicks, and returns after how many milliseconds the element is busy and its spinner is visible.
function feedback(element) {
  return element.evaluate(async (clicked) => {
    const start = performance.now()
    clicked.click()
    const isShown = () => {
      const control = clicked.closest('[aria-busy=true]')
      if (!control) return false
      const mark = control.matches('.submit') ? [control.querySelector('[data-busy]'), '::before'] : [control, '::after']
      return getComputedStyle(...mark).visibility === 'visible'
    }
    while (!isShown() && performance.now() - start < 900) await new Promise(requestAnimationFrame)
    return performance.now() - start
  })
}

test('answers clicks at once on a slow connection, and opens a dialog once', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(listPath)
  const network = await admin.context().newCDPSession(admin)
  await network.send('Network.enable')
  const slow3G = { offline: false, latency: 1000, downloadThroughput: 50_000, uploadThroughput: 50_000 } // bytes per second
  await network.send('Network.emulateNetworkConditions', slow3G)
  const requests = []
  admin.on('request', (request) => requests.push(new URL(request.url()).pathname))
  const create = admin.getByRole('link', { name: 'Create key' })
  const delay = await create.evaluate((link) => {
    link.click()
    link.click()
    return link.ariaBusy && getComputedStyle(link, '::after').animationDelay
  })
  expect(Number.parseFloat(delay), 'seconds until the spinner').toBeLessThanOrEqual(0.15)
  await expect(dialog(admin).getByLabel('Name', { exact: true })).toBeFocused()
  await expect(create).not.toHaveAttribute('aria-busy')
  await dialog(admin).getByLabel('Name', { exact: true }).fill('Typed')
  const submit = admin.locator('[data-submit]')
  await submit.evaluate((button) => {
    button.click()
    button.click()
  })
  await expect(submit).toHaveAttribute('aria-busy', 'true')
  await expect(admin.getByRole('textbox', { name: /^Key for/ })).toBeVisible()
  expect(requests.filter((path) => path.endsWith(listPath + '/new')), 'requests for the form').toHaveLength(1)
  expect(requests.filter((path) => path.endsWith(listPath)), 'requests to create the key').toHaveLength(1)
})

test('says that a stopped server does not respond, and goes on when it does', async ({ admin, skipup }) => {
  await makeKey(admin)
  await admin.goto(listPath)
  const stopped = Date.now()
  skipup.process.kill('SIGSTOP')
  try {
    await admin.getByRole('link', { name: /^Active/ }).click({ noWaitAfter: true, timeout: 10_000 })
    await expect(admin.locator('#keys')).toHaveAttribute('aria-busy', 'true')
    await expect(admin.getByText('The server hasn’t responded yet. Still waiting…')).toBeVisible()
    await expect.poll(() => Date.now() - stopped, { message: 'milliseconds that the server is stopped' }).toBeGreaterThan(5000)
  } finally {
    skipup.process.kill('SIGCONT')
  }
  await expect(admin).toHaveURL(inWorkspace(listPath + '?status=active'))
  await expect(admin.getByRole('link', { name: /^Active/ })).toHaveAttribute('aria-current', 'page')
  await expect(admin.locator('[aria-busy]')).toHaveCount(0)
})

test('shows that forms are being sent', async ({ admin }) => {
  const { id } = await makeKey(admin)
  await admin.goto(listPath)
  await openForm(admin)
  await dialog(admin).getByLabel('Name', { exact: true }).fill('New')
  await slow(admin, (url) => url.pathname.endsWith(listPath) || url.pathname.endsWith(`${listPath}/${id}`))
  expect(await feedback(admin.locator('[data-submit]')), 'milliseconds until Create is busy').toBeLessThan(300)
  await expect(admin.getByRole('textbox', { name: /^Key for/ })).toBeVisible()
  await admin.goto(`${listPath}/${id}`)
  expect(await feedback(admin.getByRole('button', { name: 'Save details' })), 'milliseconds until Save is busy').toBeLessThan(300)
  await expect(admin.getByText('Key details updated')).toBeVisible()
  await expect(admin.locator('[aria-busy]')).toHaveCount(0)
})

test('is not busy after an error', async ({ admin, faults }) => {
  await makeKey(admin)
  await admin.goto(listPath)
  await admin.route('**/api-keys/new', (route) => route.abort())
  const create = admin.getByRole('link', { name: 'Create key' })
  await create.click()
  await expect(admin.getByText('Can’t reach the server.')).toBeVisible()
  await expect(create).not.toHaveAttribute('aria-busy')
  await faults.expected(/./)
})

test('shows that a list is loading', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(listPath)
  await slow(admin, '**/api-keys?*')
  await admin.getByRole('link', { name: /^Active/ }).click({ noWaitAfter: true })
  await expect(admin.locator('#keys')).toHaveAttribute('aria-busy', 'true')
  await expect(admin.getByRole('link', { name: /^Active/ })).toHaveAttribute('aria-current', 'page')
  await expect(admin.locator('[aria-busy]')).toHaveCount(0)
})
