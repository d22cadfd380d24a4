// The API documentation, without signing in.
import { expect, test } from './test.js'

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled })

    test('navigates from a guide to an operation', async ({ page }) => {
      await page.goto('/docs')
      const nav = page.getByRole('navigation', { name: 'Documentation' })
      await nav.getByRole('link', { name: 'Idempotency' }).click()
      await expect(page).toHaveURL('/docs#idempotency')
      await expect(page.getByRole('heading', { name: 'Idempotency' })).toBeInViewport()
      await nav.getByRole('link', { name: 'Meeting requests' }).click()
      await nav.getByRole('link', { name: /^Create a meeting request/ }).click()
      const operation = page.getByRole('region', { name: 'Create a meeting request' })
      await expect(operation.getByRole('heading', { name: 'Create a meeting request' })).toBeInViewport()
      await expect(operation.getByText('meeting_requests.write')).toBeVisible()
      const timezone = operation.getByText('timezone', { exact: true }).first()
      await expect(timezone).toBeHidden()
      await operation.getByText('3 fields of participants').click()
      await expect(timezone).toBeVisible()
    })

    test('fits a small screen', async ({ page }) => {
      await page.setViewportSize({ width: 390, height: 844 })
      for (const address of ['/docs', '/docs/meeting-requests', '/docs/members', '/docs/api-keys', '/docs/seats']) {
        await page.goto(address)
        const main = await page.locator('main').boundingBox()
        expect(main.width, address).toBeLessThanOrEqual(390)
      }
    })
  })
}

test('the navigation stays in view', async ({ page }) => {
  await page.goto('/docs/meeting-requests')
  await page.getByRole('region', { name: 'Change the organizer' }).scrollIntoViewIfNeeded()
  await expect(page.getByRole('link', { name: 'Idempotency' })).toBeInViewport()
})
