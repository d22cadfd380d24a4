// The bell and the notifications behind it, without JavaScript.
import { expect, test } from './test.js'
import { inWorkspace, listPath, makeKey } from './steps.js'

test.use({ javaScriptEnabled: false })

test('shows what happened to a key, until it is marked as read', async ({ admin }) => {
  const key = await makeKey(admin, { name: 'Nightly sync' })
  await admin.goto(listPath)
  await admin.getByRole('link', { name: 'Unread notifications' }).click()
  const item = admin.getByRole('listitem').filter({ hasText: 'Nightly sync' })
  await expect(item).toContainText(/Unread:\s+API key Nightly sync was created by/)
  await admin.getByRole('button', { name: 'Mark all as read' }).click()
  await expect(admin.getByRole('link', { name: 'Notifications', exact: true })).toBeVisible()
  await expect(item).not.toContainText('Unread')
  await item.getByRole('link', { name: 'Nightly sync' }).click()
  await expect(admin).toHaveURL(inWorkspace(`${listPath}/${key.id}`))

  await admin.goto('/settings/account')
  await admin.getByLabel('Keys created').uncheck()
  await admin.getByRole('button', { name: 'Save email settings' }).click()
  await expect(admin.getByLabel('Keys created')).not.toBeChecked()
  await expect(admin.getByLabel('Keys deleted')).toBeChecked()
})
