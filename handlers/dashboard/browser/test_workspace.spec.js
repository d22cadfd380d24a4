import { createTestWorkspace, dialog, inWorkspace, listPath, makeKey, useSession, workspaceMenu } from './steps.js'
import { expect, test } from './test.js'

const badge = (page) => workspaceMenu(page).getByText('Test', { exact: true })

test('creates a test workspace, whose keys the server accepts', async ({ admin, skipup }) => {
  const live = await makeKey(admin)
  await expect(badge(admin)).toHaveCount(0)
  await createTestWorkspace(admin)
  await expect(admin).toHaveURL(inWorkspace(listPath))
  await expect(badge(admin)).toBeVisible()
  await expect(admin.getByText('Create your first key')).toBeVisible()
  const key = await makeKey(admin)
  expect(key.key).toMatch(/^sk_test_/)
  for (const { key: secret, mode } of [{ ...live, mode: 'live' }, { ...key, mode: 'test' }]) {
    const { body } = await skipup.call('/me', { key: secret })
    expect(JSON.parse(body).data.workspace.mode).toBe(mode)
  }
})

test('shows the badge on every page of a test workspace, also on a phone', async ({ admin }) => {
  await createTestWorkspace(admin)
  for (const path of [listPath, '/settings/members', '/settings/seats', '/settings/webhooks', '/settings/policy', '/settings/audit-log', '/settings/account', '/settings/nothing']) {
    await admin.setViewportSize({ width: 1280, height: 900 })
    await admin.goto(path)
    await expect(badge(admin), path).toBeVisible()
    await admin.setViewportSize({ width: 390, height: 900 })
    await expect(admin.locator('.topbar').getByText('Test', { exact: true }), path).toBeVisible()
  }
})

test('offers no second test workspace, and switches back', async ({ admin }) => {
  await createTestWorkspace(admin)
  await workspaceMenu(admin).click()
  await expect(admin.getByRole('link', { name: 'Create test workspace' })).toHaveCount(0)
  await admin.getByRole('link', { name: /Acme$/ }).click()
  await expect(badge(admin)).toHaveCount(0)
  await admin.goto('/settings/test-workspace')
  await expect(admin.getByRole('heading', { name: 'Open test workspace' })).toBeVisible()
})

test('rejects a missing name in the dialog', async ({ admin }) => {
  await workspaceMenu(admin).click()
  await admin.getByRole('link', { name: 'Create test workspace' }).click()
  await dialog(admin).getByLabel('Name').fill(' ')
  await dialog(admin).getByRole('button', { name: 'Create test workspace' }).click()
  await expect(dialog(admin).getByLabel('Name')).toHaveAccessibleDescription(/Name is required/)
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('creates a test workspace', async ({ page, skipup }) => {
    await useSession(page, skipup)
    await page.goto(listPath)
    await workspaceMenu(page).click()
    await page.getByRole('link', { name: 'Create test workspace' }).click()
    await page.getByLabel('Name').fill('Sandbox')
    await page.getByRole('button', { name: 'Create test workspace' }).click()
    await expect(page.getByText('Switched to')).toBeVisible()
    await expect(badge(page)).toBeVisible()
  })
})
