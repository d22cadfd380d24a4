// What the dialog for deleting a key shows and offers, and what follows.
import { expect, test } from './test.js'
import { dialog, inWorkspace, listPath, makeKey, nameToConfirm } from './steps.js'

async function ask(page, { id }) {
  await page.goto(`${listPath}/${id}`)
  await page.getByRole('link', { name: 'Delete key' }).click()
  await expect(dialog(page)).toBeVisible()
}

test('shows the recent traffic of the key and pauses it before it is deleted', async ({ admin, skipup }) => {
  const key = await makeKey(admin, { name: 'CRM sync' })
  for (let i = 0; i < 3; i++) await skipup.call('/me', { key: key.key })
  await ask(admin, key)
  const traffic = dialog(admin).getByRole('region', { name: 'Recent traffic' })
  for (const period of ['Last hour', 'Last day', '30 days']) await expect(traffic).toContainText(new RegExp(`3\\s*${period}|${period}\\s*3`))
  await expect(traffic).toContainText('GET /me')
  await expect(traffic).toContainText('127.0.0.1')
  await expect(traffic.getByText('Last hour', { exact: true }), 'what to know comes before what to type').toBeInViewport()
  await nameToConfirm(admin).press('Enter')
  await expect(dialog(admin).getByText(/^The name doesn’t match/), 'Enter deletes').toBeVisible()
  await nameToConfirm(admin).fill('CRM sync')
  await dialog(admin).getByRole('button', { name: 'Pause for 24 hours, then delete' }).click()
  await expect(admin.getByText(/Paused\. Will be deleted\s+in (1 day|24 hours)/)).toBeVisible()
  expect((await skipup.call('/me', { key: key.key })).status, 'status while paused').toBe(401)
  await admin.getByRole('link', { name: 'Cancel deletion' }).click()
  await dialog(admin).getByRole('button', { name: 'Resume key' }).click()
  await expect(admin.getByText('Resumed “CRM sync”. It won’t be deleted.')).toBeVisible()
  expect((await skipup.call('/me', { key: key.key })).status, 'status after the cancellation').toBe(200)
})

test('links the message to the receipt', async ({ admin }) => {
  const key = await makeKey(admin, { name: 'Idle' })
  await ask(admin, key)
  await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
  await expect(admin.getByText('Deleted “Idle”.')).toBeVisible()
  await admin.getByRole('link', { name: 'View receipt' }).click()
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${key.id}`))
  await expect(admin.getByText('Deletion receipt')).toBeVisible()
})

test('says who deleted the key in another tab', async ({ admin, context }) => {
  const key = await makeKey(admin, { name: 'Shared' })
  await ask(admin, key)
  const rename = await context.newPage()
  await rename.goto(`${listPath}/${key.id}`)
  await admin.request.post(`${listPath}/${key.id}/delete`)

  await dialog(admin).getByRole('button', { name: 'Delete key' }).click()
  await expect(dialog(admin).getByRole('heading', { name: 'Already deleted' })).toBeVisible()
  await expect(dialog(admin).getByText(/^Ada Admin deleted the API key “Shared” on /)).toBeVisible()

  await rename.getByRole('textbox', { name: 'Name' }).fill('Renamed')
  await rename.getByRole('button', { name: 'Save details' }).click()
  await expect(rename.getByRole('heading', { name: 'Already deleted' })).toBeVisible()
  await expect(rename).toHaveTitle(/^Already deleted/)
  await rename.getByRole('link', { name: 'View receipt' }).click()
  await expect(rename.getByText('Deletion receipt')).toBeVisible()
})
