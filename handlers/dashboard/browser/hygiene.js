// Keys with every finding of the review, and the states of their pages.
import { expect } from '@playwright/test'
import { dialog, listPath, makeKey, makeKeys, row } from './steps.js'

const days = (n) => new Date(Date.now() - n * 86400_000).toISOString().replace('T', ' ').replace('Z', '')

// makeFindings creates a key for each finding of the review. It returns them by name.
async function makeFindings(page, skipup) {
  const options = [
    { name: 'Warehouse export', scopes: ['members.read'] },
    { name: 'Nightly backup', scopes: ['meeting_requests.read'] },
    { name: 'Partner portal', scopes: ['seats.read'], expiry: '30' },
    { name: 'Data lake', scopes: ['meeting_requests.read', 'seats.read'], expiry: '30' },
    { name: 'Legacy billing', scopes: ['seats.read'] },
    { name: 'CRM sync', scopes: ['meeting_requests.read', 'meeting_requests.write', 'members.write'] },
    { name: 'Contractor script', scopes: ['members.read'] },
    { name: 'Old importer', scopes: ['seats.read'] },
  ]
  const keys = Object.fromEntries((await makeKeys(page, options)).map((key) => [key.name, key]))
  for (const name of ['Legacy billing', 'CRM sync', 'Old importer']) await skipup.useKey(keys[name].key)
  await skipup.call('/meeting_requests', { key: keys['CRM sync'].key })
  const of = (name) => `WHERE name = '${name}'`
  await page.request.post(`${listPath}/bulk-delete`, { form: { key: keys['Old importer'].id, confirm_number: '1' } })
  for (let i = 0; i < 3; i++) await skipup.call('/seats', { key: keys['Old importer'].key })
  await skipup.exec(`
    UPDATE api_keys SET created_at = '${days(47)}' ${of('Warehouse export')};
    UPDATE api_keys SET created_at = '${days(300)}', last_used_at = '${days(121)}', last_used_route = 'GET /meeting_requests' ${of('Nightly backup')};
    UPDATE api_keys SET expires_at = '${days(-0.8)}' ${of('Partner portal')};
    UPDATE api_keys SET expires_at = '${days(-9)}' ${of('Data lake')};
    UPDATE api_keys SET created_at = '${days(411)}' ${of('Legacy billing')};
    UPDATE api_keys SET created_at = '${days(200)}' ${of('CRM sync')};
    INSERT INTO users (id, email, name, password_hash, created_at, updated_at) SELECT 'usr_gone', 'gus@acme.test', 'Gus Gone', '', '${days(90)}', '${days(90)}';
    INSERT INTO members (id, workspace_id, user_id, role, deactivated_at, created_at, updated_at) SELECT 'mem_gone', workspace_id, 'usr_gone', 'admin', '${days(12)}', '${days(90)}', '${days(12)}' FROM members LIMIT 1;
    UPDATE api_keys SET owner_id = 'mem_gone' ${of('Contractor script')};
    INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests)
      SELECT id, workspace_id, '${days(80)}', 'GET /me', '', 2, '', 12 FROM api_keys ${of('Legacy billing')};`)
  await expect.poll(async () => {
    await page.goto(`${listPath}/review`)
    return page.locator('#review').innerText()
  }).toContain('1 still in use')
  return keys
}

// finding returns the link in the review with a label.
export const finding = (page, label) => page.locator('#review').getByRole('link', { name: label })

// pauseKey pauses a key on its page.
export async function pauseKey(page, key, time = '1 hour') {
  await page.goto(`${listPath}/${key.id}`)
  await page.getByRole('link', { name: 'Pause', exact: true }).click()
  await dialog(page).getByRole('radio', { name: time }).check()
  await dialog(page).getByRole('button', { name: 'Pause key' }).click()
  await expect(page.getByText(/Paused\. Resumes/)).toBeVisible()
}

// selectKeys selects keys in the list.
export async function selectKeys(page, ...names) {
  for (const name of names) await row(page, name).getByRole('checkbox').check()
}

// findings are contents: a key for each finding of the review.
export const findings = { make: makeFindings }

const withFindings = (open) => Object.assign(open, { contents: findings })

async function selectTwo(page) {
  await page.goto(listPath)
  await selectKeys(page, 'CRM sync', 'Warehouse export')
}

// hygieneStates are states as in states.js, for a signed-in admin.
export const hygieneStates = {
  'review-nothing': async (page) => {
    await makeKey(page)
    await page.goto(listPath)
    await expect(page.locator('#review')).toContainText('Nothing to review')
  },
  'review-everything': withFindings(async (page) => {
    await page.goto(listPath)
    await expect(finding(page, /never used/)).toBeVisible()
  }),
  'review-page': withFindings((page) => page.goto(`${listPath}/review`)),
  ...Object.fromEntries(
    ['unused', 'idle', 'expiring', 'old', 'scopes', 'owner_left', 'still_used'].map((code) => [
      `review-${code}`,
      withFindings(async (page) => {
        await page.goto(`${listPath}?review=${code}`)
        await expect(page.locator('#review [aria-current]')).toBeVisible()
      }),
    ]),
  ),
  'bulk-selected': withFindings(selectTwo),
  'assign-keys': withFindings(async (page) => {
    await selectTwo(page)
    await page.getByRole('button', { name: 'Assign…' }).click()
    await expect(dialog(page)).toBeVisible()
  }),
  'bulk-preview': withFindings(async (page) => {
    await selectTwo(page)
    await page.getByRole('button', { name: 'Delete…' }).click()
    await expect(dialog(page)).toBeVisible()
    await dialog(page).getByText('1 caller').first().click()
  }),
  'bulk-rejected': withFindings(async (page) => {
    await selectTwo(page)
    await page.getByRole('button', { name: 'Delete…' }).click()
    await dialog(page).getByRole('button', { name: 'Delete 2 keys' }).click()
    await expect(page.getByText(/^The number doesn’t match/)).toBeVisible()
  }),
  'bulk-receipts': withFindings(async (page) => {
    await selectTwo(page)
    await page.getByRole('button', { name: 'Delete…' }).click()
    await dialog(page).getByLabel(/^Type \d+ to confirm/).fill('2')
    await dialog(page).getByRole('button', { name: 'Delete 2 keys' }).click()
    await expect(dialog(page).getByText('Deleted 2 keys')).toBeVisible()
  }),
  'pause-dialog': async (page, { skipup }) => {
    const key = await makeKey(page, { name: 'CRM sync', scopes: ['seats.read'] })
    await skipup.useKey(key.key)
    await page.goto(`${listPath}/${key.id}`)
    await page.getByRole('link', { name: 'Pause', exact: true }).click()
    await expect(dialog(page)).toBeVisible()
  },
  'pause-rejected': async (page) => {
    const key = await makeKey(page, { name: 'CRM sync' })
    await page.goto(`${listPath}/${key.id}/pause`)
    await page.getByRole('radio', { name: 'Until a date…' }).check()
    await page.getByRole('button', { name: 'Pause key' }).click()
    await expect(page.getByText(/^End time must be/)).toBeVisible()
  },
  'paused-list': async (page) => {
    const [first] = await makeKeys(page, [{ name: 'CRM sync', scopes: ['seats.read'] }, { name: 'Warehouse export' }])
    await pauseKey(page, first)
    await page.goto(listPath)
  },
  paused: async (page) => {
    await pauseKey(page, await makeKey(page, { name: 'CRM sync', scopes: ['seats.read'] }))
    await page.reload() // without the message
  },
}
