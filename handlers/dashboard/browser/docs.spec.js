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

test('the navigation stays in view and marks the section that is read', async ({ page }) => {
  await page.goto('/docs/meeting-requests')
  const current = page.getByRole('navigation', { name: 'Documentation' }).locator('[aria-current=location]')
  await expect(current).toHaveText(/^List meeting requests/)
  const section = page.getByRole('region', { name: 'Change the organizer' })
  await section.evaluate((element) => element.scrollIntoView())
  await expect(page.getByRole('link', { name: 'Idempotency' })).toBeInViewport()
  await expect(current).toHaveText(/^Change the organizer/)

  const [copy, line] = await Promise.all([section.getByRole('button', { name: /^Copy/ }).boundingBox(), section.getByRole('group', { name: 'Command' }).boundingBox()])
  expect(copy.y + copy.height, 'the button is above the command').toBeLessThanOrEqual(line.y)
})
