// Passkeys, with Chromium's virtual authenticator.
import { ada, atLocalhost, dialog, inWorkspace, openForm, setLastProof, shownKey, signIn, submit } from './steps.js'
import { expect, test } from './test.js'

test.use({ variables: atLocalhost })

// addAuthenticator adds an authenticator that answers at once, also to suggestions.
async function addAuthenticator(page) {
  const client = await page.context().newCDPSession(page)
  await client.send('WebAuthn.enable')
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  await client.send('WebAuthn.addVirtualAuthenticator', { options })
}

// addPasskey adds a passkey in the dialog.
async function addPasskey(page, name) {
  await page.goto('/settings/account')
  await page.getByRole('link', { name: 'Add passkey…' }).click()
  await dialog(page).getByLabel('Name').fill(name)
  await dialog(page).getByLabel('Name').press('Enter')
  await expect(dialog(page).getByRole('heading', { name: 'Passkey added' })).toBeVisible()
  await dialog(page).getByRole('button', { name: /^Copy/ }).click()
  await dialog(page).getByRole('link', { name: 'Done' }).click()
  await expect(page.getByRole('region', { name: 'Passkeys' })).toContainText(name)
}

const usePasskey = (page) => page.getByRole('button', { name: 'Use a passkey' })

test('adds a passkey, proves with it, and removes it', async ({ admin, skipup }) => {
  await addAuthenticator(admin)
  await addPasskey(admin, 'Laptop')
  await admin.getByRole('link', { name: 'Add passkey…' }).click()
  await submit(admin)
  await expect(admin.getByText('This device already has a passkey')).toBeVisible()

  await setLastProof(skipup, '-15 minutes')
  await admin.goto('/settings/api-keys')
  await openForm(admin)
  await dialog(admin).getByLabel('Name').fill('Nightly sync')
  await submit(admin)
  await usePasskey(dialog(admin)).click()
  await expect(shownKey(admin)).toBeFocused()
  await expect(dialog(admin)).toContainText('Nightly sync')

  await admin.goto('/settings/account')
  await admin.getByRole('region', { name: 'Passkeys' }).getByRole('link', { name: 'Remove' }).click()
  await submit(admin)
  await expect(admin.getByRole('status').filter({ hasText: 'Passkey removed' })).toBeVisible()
  await expect(admin.getByRole('region', { name: 'Passkeys' })).not.toContainText('Laptop')
})

test('signs in with a passkey alone, and after a password', async ({ admin }) => {
  await addAuthenticator(admin)
  await admin.addInitScript(() => (PublicKeyCredential.isConditionalMediationAvailable = async () => false))
  await addPasskey(admin, 'Laptop')

  await admin.context().clearCookies()
  await admin.goto('/settings/members')
  await usePasskey(admin).click()
  await expect(admin).toHaveURL(inWorkspace('/settings/members'))

  await admin.context().clearCookies()
  await admin.goto('/settings/members')
  await signIn(admin)
  await expect(admin.getByRole('heading', { name: 'Use your passkey' })).toBeVisible()
  await usePasskey(admin).click()
  await expect(admin).toHaveURL(inWorkspace('/settings/members'))
})

test('suggests passkeys for the email', async ({ admin }) => {
  await addAuthenticator(admin)
  await addPasskey(admin, 'Laptop')
  await admin.context().clearCookies()
  await admin.goto('/settings/members')
  await expect(admin).toHaveURL(inWorkspace('/settings/members'))
  await expect(admin.getByText(ada.email).first()).toBeVisible()
})
