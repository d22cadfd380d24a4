// Single sign-on, with a real provider.
import { addMember, grace } from './people.js'
import { IdentityProvider } from './provider.js'
import { ada, dialog, inWorkspace, listPath, openForm, setLastProof, shownKey, submit } from './steps.js'
import { test as base, expect } from './test.js'

const test = base.extend({
  provider: async ({}, use) => {
    const provider = await IdentityProvider.start()
    await use(provider)
    provider.stop()
  },
  variables: async ({ provider }, use) => use(provider.variables),
  // A page in another browser, at the sign-in page.
  visitor: async ({ provider, skipup, faults, otherBrowser }, use) => {
    provider.serve(skipup.url)
    faults.hosts.add(new URL(provider.issuer).host)
    const page = await otherBrowser()
    await page.goto('/login')
    await use(page)
  },
})

const signIn = (page) => page.getByRole('link', { name: 'Continue with Acme ID' }).click()

test('joins without a password, confirms a change in another tab, and is signed out by the provider', async ({ admin, visitor, provider, skipup }) => {
  await addMember(admin, { ...grace, role: 'admin' })
  await signIn(visitor)
  await expect(visitor).toHaveURL(inWorkspace(listPath))

  await setLastProof(skipup, '-15 minutes')
  await openForm(visitor)
  await dialog(visitor).getByLabel('Name').fill('Nightly sync')
  await submit(visitor)
  await submit(visitor)
  await expect(dialog(visitor).getByText('Confirm it’s you with Acme ID first.')).toBeVisible()
  const opened = visitor.waitForEvent('popup')
  await dialog(visitor).getByRole('link', { name: 'Confirm with Acme ID' }).click()
  const tab = await opened
  await expect(tab.getByRole('heading', { name: 'It’s you' })).toBeVisible()
  await tab.close()
  await submit(visitor)
  await expect(shownKey(visitor)).toBeFocused()
  await expect(dialog(visitor)).toContainText('Nightly sync')

  await visitor.goto('/settings/account')
  await expect(visitor.getByRole('region', { name: 'Sessions' })).toContainText('with single sign-on')
  await visitor.goto(provider.issuer + '/session/end')
  await visitor.getByRole('button', { name: 'Sign out' }).click()
  await expect(visitor.getByText('Signed out')).toBeVisible()
  await visitor.goto(listPath)
  await expect(visitor.getByRole('link', { name: 'Continue with Acme ID' })).toBeVisible()
})

test('turns passwords off for a workspace', async ({ admin, visitor, provider }) => {
  provider.person = ada
  await signIn(visitor)
  await expect(visitor).toHaveURL(inWorkspace(listPath))
  await visitor.goto('/settings/policy')
  await visitor.getByLabel('Require single sign-on').check()
  await visitor.getByRole('button', { name: 'Save policy' }).click()
  await expect(visitor.getByRole('status').filter({ hasText: 'Policy updated' })).toBeVisible()
  await admin.goto(listPath)
  await expect(admin.getByRole('heading', { name: 'Single sign-on required' })).toBeVisible()
  await signIn(admin)
  await expect(admin).toHaveURL(inWorkspace(listPath))
})
