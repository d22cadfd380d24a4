// Settings > Audit log.
import { readFile } from 'node:fs/promises'
import { expect, test } from './test.js'
import { inWorkspace, listPath, makeKey, makeKeys } from './steps.js'

const logPath = '/settings/audit-log'
const events = (page) => page.locator('#events ol > li')
const sentences = (page) => events(page).locator('.event-sentence').first()

test('filters events in place', async ({ admin }) => {
  await makeKey(admin, { name: 'CI' })
  await makeKey(admin, { name: 'Robot' })
  await admin.getByRole('link', { name: 'Audit log' }).click()
  await expect(admin).toHaveURL(inWorkspace(logPath))
  await expect(sentences(admin)).toHaveText('Ada Admin created API key Robot')
  await admin.evaluate(() => (window.stayed = true))

  await admin.getByLabel('Action', { exact: true }).selectOption('Key created')
  await expect(events(admin)).toHaveCount(2)
  await admin.getByLabel(/^Search by name/).fill('rob')
  await expect(events(admin)).toHaveCount(1)
  await expect(admin).toHaveURL(inWorkspace(logPath + '?target=rob&action=api_key.created'))
  await expect(admin.locator('#announcement')).toHaveText('1 event, newest first')
  await admin.getByLabel('Actor', { exact: true }).fill('operator')
  await expect(admin.getByRole('heading', { name: 'No events match' })).toBeVisible()
  expect(await admin.evaluate(() => window.stayed), 'without a page load').toBe(true)
  await admin.getByRole('link', { name: 'Clear filters' }).click()
  await expect(events(admin).nth(2)).toBeVisible()
})

test('links an event to related events', async ({ admin }) => {
  const { id } = await makeKey(admin, { name: 'CI', scopes: ['seats.read'] })
  await admin.goto(logPath)
  await events(admin).first().locator('summary').click()
  const details = events(admin).first().locator('dl')
  await expect(details).toContainText('seats.read')
  await expect(details).toContainText(/aud_\w{26}/)
  await details.getByRole('link', { name: 'All events for this key' }).click()
  await expect(admin).toHaveURL(inWorkspace(logPath + '?target=' + id))
  await expect(events(admin)).toHaveCount(1)
  await events(admin).first().getByRole('link', { name: 'CI' }).click()
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${id}`))
})

test('filters by date and rejects an invalid range', async ({ admin }) => {
  await makeKey(admin)
  await admin.goto(logPath)
  await admin.getByLabel('From').fill('2020-01-02')
  await admin.getByLabel('To', { exact: true }).fill('2020-01-03')
  await expect(admin.getByRole('heading', { name: 'No events match' })).toBeVisible()
  await admin.getByLabel('To', { exact: true }).fill('2020-01-01')
  await expect(admin.getByText('The end date can’t be before the start date.')).toBeVisible()
})

test('pages with the keyboard', async ({ admin }) => {
  await makeKeys(admin, Array.from({ length: 60 }, (_, i) => ({ name: 'Robot ' + i })))
  await admin.goto(logPath)
  await expect(events(admin)).toHaveCount(50)
  await admin.getByRole('link', { name: 'Older' }).focus()
  await admin.keyboard.press('Enter')
  await expect(admin).toHaveURL(/cursor=/)
  await expect(events(admin).first()).toBeInViewport()
  expect(await events(admin).count()).toBeLessThan(20)
  await admin.getByRole('link', { name: 'Back to latest' }).focus()
  await admin.keyboard.press('Enter')
  await expect(events(admin)).toHaveCount(50)
})

test('exports the filtered events as CSV', async ({ admin }) => {
  await makeKeys(admin, [{ name: '=1+1' }, { name: 'Robot' }])
  await admin.goto(logPath + '?action=api_key.created')
  const started = admin.waitForEvent('download')
  await admin.getByRole('link', { name: 'Export CSV' }).click()
  const download = await started
  expect(download.suggestedFilename()).toMatch(/^audit-log-\d{4}-\d\d-\d\d\.csv$/)
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines.join()).toContain(",'=1+1,")
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('filters, details, pages', async ({ admin }) => {
    await makeKeys(admin, Array.from({ length: 55 }, (_, i) => ({ name: 'Robot ' + i })))
    await admin.goto(logPath)
    await admin.getByRole('link', { name: 'Older' }).click()
    await expect(admin.getByRole('link', { name: 'Back to latest' })).toBeVisible()
    await admin.getByLabel(/^Search by name/).fill('robot 12')
    await admin.getByLabel('Actor', { exact: true }).fill('Ada Admin')
    await admin.getByRole('button', { name: 'Search', exact: true }).click()
    await expect(events(admin)).toHaveCount(1)
    await events(admin).first().locator('summary').click()
    await expect(events(admin).first().getByText('Hash')).toBeVisible()
  })
})
