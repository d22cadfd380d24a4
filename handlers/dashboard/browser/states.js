// Every state of every page, for axe and for screenshots. Each function brings a page to a state,
// starting from a new server, with contents if it has that property.
import { request } from '@playwright/test'
import { hygieneStates } from './hygiene.js'
import { names } from './names.js'
import { ada, atLocalhost, confirmLink, createKey, createTestWorkspace, dialog, inWorkspace, listPath, makeKey, makeKeys, openForm, resetLink, row, setLastProof, setUp, setUpSecondFactor, shownKey, signIn, submit, untilADate, useSession, workspaceMenu } from './steps.js'
import { callAs, ageLastUse, rotationOf, startRotation } from './rotation.js'
import { makeTeam, team } from './team.js'
import { expect, test } from './test.js'
import { makeUsage } from './usage.js'
import { similarPeopleStates, peopleStates } from './people.js'
import { webhookStates } from './webhooks.js'

// inEveryLook calls look for the light and dark themes and for narrow and wide windows.
export async function inEveryLook(page, look) {
  for (const width of [390, 1280]) { // wide windows close the menus of narrow ones
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 })
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await settled(page)
      await look({ colorScheme, width })
    }
  }
}

// settled waits for animations and fonts.
export const settled = (page) => page.waitForFunction(() =>
  document.fonts.status === 'loaded' && document.getAnimations().every((animation) => animation.playState !== 'running'))

// signedIn returns a state that starts at the list of a workspace without keys.
const signedIn = (open) => async (page, tools) => {
  await useSession(page, tools.skipup)
  await page.goto(listPath)
  await open(page, tools)
}

// withPasskeys returns a state of Ada with two passkeys, which no authenticator has.
const withPasskeys = (open) => Object.assign(signedIn(async (page, tools) => {
  const now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
  await tools.skipup.exec(`INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, transports, backup_eligible, backed_up, aaguid, name, last_used_at, created_at)
    SELECT 'pky_' || value, users.id, randomblob(32), x'00', 0, 'internal', value, value, zeroblob(16), iif(value, 'Password manager', 'Chrome on Linux'), iif(value, ${now}, NULL), ${now}
    FROM users, json_each('[0, 1]')`)
  await open(page, tools)
}), { variables: atLocalhost })

// signOutTo opens a page without a session.
async function signOutTo(page, path) {
  await page.context().clearCookies()
  await page.goto(path)
}

// forEachState calls declare with each state, to declare its test.
export function forEachState(group, declare) {
  for (const [name, open] of Object.entries(group)) {
    test.describe(() => {
      test.use({ isSetUp: !(name in setupStates), contents: open.contents, variables: open.variables ?? {} })
      declare(name, open)
    })
  }
}

// withKeys returns contents: a team's keys and a number of older ones.
const withKeys = (more = 0) => ({ make: (page, skipup) => makeTeam(page, { skipup, more }) })

const teamKeys = withKeys()

// inTeam returns a state that starts at the list of a workspace with keys.
const inTeam = (open, contents = teamKeys) =>
  Object.assign(signedIn((page, { skipup }) => open(page, { skipup, keys: skipup.contents })), { contents })

async function invalid(page) {
  await page.getByRole('button', { name: 'Full access', exact: true }).click()
  await untilADate(page).check()
  await submit(page)
  await expect(page.getByLabel('Name', { exact: true })).toHaveAttribute('aria-invalid', 'true')
}

async function askDeletion(page, key) {
  await page.goto(`${listPath}/${key.id}`)
  await page.getByRole('link', { name: 'Delete key' }).click()
  await expect(dialog(page)).toBeVisible()
}

// searchFor opens the search box and enters a text.
// limitLifetimes sets a policy that limits lifetimes to 30 days.
async function limitLifetimes(page) {
  await page.goto('/settings/policy')
  await page.getByRole('radio', { name: 'Limited' }).check()
  await page.getByLabel('Maximum lifetime in days').fill('30')
  await page.getByLabel('Default lifetime in days').fill('30')
  await page.getByRole('button', { name: 'Save policy' }).click()
  await expect(page.getByText('later than this policy allows')).toBeVisible()
}

// openTestWorkspaceForm opens the dialog that creates a test workspace.
async function openTestWorkspaceForm(page) {
  await workspaceMenu(page).click()
  await page.getByRole('link', { name: 'Create test workspace' }).click()
  await expect(dialog(page).getByLabel('Name')).toBeVisible()
}

async function searchFor(page, text) {
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search' }).fill(text)
  await expect(page.locator('#search-results')).not.toHaveAttribute('aria-busy')
}

// smtp are variables of a server that sends email, although its mail server can't be reached.
const smtp = { SMTP_URL: 'smtp://127.0.0.1:1', SKIPUP_MAIL_FROM: 'keys@acme.test' }

// singleSignOn are variables of a server with single sign-on, although its provider can't be reached.
const singleSignOn = { SKIPUP_OIDC_ISSUER: 'http://127.0.0.1:1', SKIPUP_OIDC_CLIENT_ID: 'skipup', SKIPUP_OIDC_CLIENT_SECRET: 'secret', SKIPUP_OIDC_NAME: 'Acme ID' }

// setupStates are states of a server that is not set up.
export const setupStates = {
  setup: async (page, { skipup }) => {
    await page.goto(skipup.setupLink)
  },
  'setup-rejected': async (page, { skipup }) => {
    await page.goto(skipup.setupLink)
    await page.getByLabel('Email').fill('ada at acme')
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await expect(page.getByText(/^Workspace name is required/)).toBeVisible()
  },
  'setup-used': async (page, { skipup }) => {
    await setUp(page, skipup)
    await page.context().clearCookies()
    await page.goto(skipup.setupLink)
  },
}

export const states = {
  'sign-in': async (page) => {
    await page.goto('/login')
  },
  'sign-in-rejected': async (page) => {
    await page.goto('/login')
    await page.getByLabel('Email').fill(ada.email)
    await page.getByLabel('Password').fill('not the right one')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toBeVisible()
  },

  'forgot-no-email': async (page) => {
    await page.goto('/login')
    await page.getByRole('link', { name: 'Forgot password?' }).click()
  },
  forgot: Object.assign((page) => page.goto('/forgot-password'), { variables: smtp }),
  'forgot-rejected': Object.assign(async (page) => {
    await page.goto('/forgot-password')
    await page.getByRole('button', { name: 'Email me a link' }).click()
    await expect(page.getByText('Email is required.')).toBeVisible()
  }, { variables: smtp }),
  'forgot-sent': Object.assign(async (page) => {
    await page.goto('/forgot-password')
    await page.getByLabel('Email').fill('unknown@acme.test')
    await page.getByRole('button', { name: 'Email me a link' }).click()
    await expect(page.getByRole('heading', { name: 'Check your email' })).toBeVisible()
  }, { variables: smtp }),
  reset: async (page, { skipup }) => {
    await page.goto(await resetLink(skipup))
  },
  'reset-rejected': async (page, { skipup }) => {
    await page.goto(await resetLink(skipup))
    await page.getByLabel('New password').fill('short')
    await page.getByRole('button', { name: 'Change password' }).click()
    await expect(page.getByText(/must have at least 15/)).toBeVisible()
  },
  'reset-used': async (page) => {
    await page.goto('/reset-password/USED')
  },

  'list-empty': signedIn(async () => {}),
  list: inTeam(async () => {}),
  'list-compact': inTeam((page) => page.getByRole('button', { name: 'Compact' }).click()),
  'list-deleted': inTeam((page) => page.goto(listPath + '?status=deleted')),
  'list-no-match': inTeam((page) => page.goto(listPath + '?q=nothing+like+it')),
  'list-sort-menu': inTeam(async (page) => {
    await page.setViewportSize({ width: 390, height: 844 })
    await page.locator('summary[aria-label^=Sort]').click()
  }),
  'list-scopes-open': inTeam(async (page) => {
    await row(page, 'CRM sync').getByRole('button', { name: /^Scopes:/ }).click()
  }),
  'list-menu-open': inTeam(async (page) => {
    await page.getByRole('button', { name: 'Actions for CRM sync' }).click()
    await expect(page.getByRole('menu')).toBeVisible()
  }),
  'list-naughty-names': signedIn(async (page) => {
    await makeKeys(page, Object.values(names).map((name, i) => ({ name, scopes: team[i].scopes })))
    await page.goto(listPath)
  }),

  'search-box': inTeam((page) => searchFor(page, 'crm')),

  create: signedIn((page) => page.goto(listPath + '/new')),
  'create-rejected': signedIn(async (page) => {
    await page.goto(listPath + '/new')
    await invalid(page)
  }),
  'create-dialog': inTeam((page) => openForm(page)),
  'create-dialog-rejected': inTeam(async (page) => {
    await openForm(page)
    await invalid(page)
  }),
  created: signedIn(async (page) => {
    await page.goto(listPath + '/new')
    await page.getByLabel('Name').fill('CRM sync')
    await submit(page)
    await expect(shownKey(page)).toBeVisible()
  }),
  'created-dialog': inTeam((page) => createKey(page, { name: 'CRM sync' })),
  'created-not-copied': signedIn(async (page) => {
    await createKey(page)
    await page.keyboard.press('Escape')
    await page.clock.install() // the message stays
    await expect(page.getByText('You haven’t copied this key.')).toBeVisible()
  }),
  'created-copied': signedIn(async (page) => {
    await createKey(page)
    await page.clock.install() // the button stays as it is
    await page.locator('[data-copy=secret]').click()
    await page.clock.runFor(100)
    await expect(page.getByRole('status').filter({ hasText: 'Copied' })).toBeAttached()
  }),
  'created-already': signedIn(async (page) => {
    await makeKey(page, { name: 'CRM sync', formID: 'twice' })
    await page.goto(listPath + '/new')
    await page.getByLabel('Name').fill('CRM sync')
    await page.locator('input[name=form_id]').evaluate((field) => (field.value = 'twice'))
    await submit(page)
    await expect(page.getByRole('heading', { name: 'Key already created' })).toBeVisible()
  }),

  detail: inTeam((page, { keys }) => page.goto(`${listPath}/${keys['CRM sync'].id}`)),
  'detail-everything': signedIn(async (page) => {
    const { id } = await makeKey(page, { name: 'Terraform', scopes: [...new Set(team.flatMap((key) => key.scopes))] })
    await page.goto(`${listPath}/${id}`)
    await page.locator('.event summary').first().click()
  }),
  'detail-rename-rejected': signedIn(async (page) => {
    const { id } = await makeKey(page)
    await page.goto(`${listPath}/${id}`)
    await page.getByRole('textbox', { name: 'Name' }).fill('')
    await page.getByRole('button', { name: 'Save details' }).click()
    await expect(page.getByText('Name is required.')).toBeVisible()
  }),
  'detail-deleted': inTeam((page, { keys }) => page.goto(`${listPath}/${keys['Old CRM sync'].id}`)),
  'delete-dialog': inTeam((page, { keys }) => askDeletion(page, keys['Event relay'])),
  'delete-dialog-in-use': inTeam((page, { keys }) => askDeletion(page, keys['CRM sync'])),
  'delete-dialog-rejected': inTeam(async (page, { keys }) => {
    await askDeletion(page, keys['CRM sync'])
    await page.getByRole('button', { name: 'Delete key' }).click()
    await expect(page.getByText(/^The name doesn’t match/)).toBeVisible()
  }),
  delete: inTeam((page, { keys }) => page.goto(`${listPath}/${keys['CRM sync'].id}/delete`)),
  deleted: inTeam(async (page, { keys }) => {
    await page.clock.install() // the message stays
    await askDeletion(page, keys['Event relay'])
    await dialog(page).getByRole('button', { name: 'Delete key' }).click()
    await expect(page).toHaveURL(inWorkspace(listPath))
    await page.clock.runFor(100)
    await expect(page.getByText('Deleted “Event relay”.')).toBeVisible()
  }),

  menus: signedIn(async (page, { skipup }) => {
    await skipup.run(['workspace', 'create', '--name', 'Globex Research', '--email', ada.email, '--admin-name', ada.name])
    await page.setViewportSize({ width: 390, height: 844 })
    await page.reload()
    await page.getByRole('button', { name: 'Menu', exact: true }).click()
    await page.getByText(ada.email).click()
  }),
  account: signedIn((page) => page.goto('/settings/account')),
  'account-sessions': signedIn(async (page, { skipup }) => {
    const phone = await request.newContext({ baseURL: skipup.url, userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1' })
    await phone.post('/login', { form: ada })
    await phone.dispose()
    await page.goto('/settings/account')
    await page.getByText('Sign out everywhere…').click()
  }),
  'account-name': signedIn(async (page) => {
    await page.goto('/settings/account')
    await page.getByRole('link', { name: 'Change name' }).click()
    await expect(dialog(page).getByLabel('Your name')).toBeFocused()
  }),
  'account-email': Object.assign(signedIn((page) => page.goto('/settings/account/email')), { variables: smtp }),
  'account-email-rejected': Object.assign(signedIn(async (page) => {
    await page.goto('/settings/account/email')
    await page.getByLabel('New email').fill(ada.email)
    await submit(page)
    await expect(page.getByText('New email must be different from your current email.')).toBeVisible()
  }), { variables: smtp }),
  'second-factor-setup': signedIn(async (page) => {
    await page.goto('/settings/account')
    await page.getByRole('link', { name: 'Set up…' }).click()
    await dialog(page).getByLabel('Code').fill('000000')
    await submit(page)
    await expect(dialog(page).getByText('This code is incorrect')).toBeVisible()
  }),
  'second-factor-required': signedIn(async (page, { skipup }) => {
    await skipup.exec('UPDATE workspaces SET second_factor_required = true')
    await page.goto('/')
  }),
  'recovery-codes': signedIn(setUpSecondFactor),
  'second-factor': signedIn(async (page, { skipup }) => {
    await setUpSecondFactor(page)
    await skipup.exec('DELETE FROM recovery_codes WHERE digest NOT IN (SELECT digest FROM recovery_codes LIMIT 2)')
    await page.goto('/settings/account')
  }),
  'second-factor-remove': signedIn(async (page) => {
    await setUpSecondFactor(page)
    await page.goto('/settings/account/second-factor/remove')
  }),
  'recovery-codes-replace': signedIn(async (page) => {
    await setUpSecondFactor(page)
    await page.goto('/settings/account/recovery-codes')
  }),
  'sign-in-code': signedIn(async (page) => {
    await setUpSecondFactor(page)
    await page.context().clearCookies()
    await page.goto('/login')
    await signIn(page)
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByText('This code is incorrect')).toBeVisible()
  }),
  'step-up': signedIn(async (page, { skipup }) => {
    await setLastProof(skipup, '-15 minutes')
    await openForm(page)
    await dialog(page).getByLabel('Name').fill('Nightly sync')
    await submit(page)
    await expect(dialog(page).getByRole('heading', { name: 'Confirm it’s you' })).toBeVisible()
  }),
  'step-up-single-sign-on': Object.assign(signedIn(async (page, { skipup }) => {
    const now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    await skipup.exec(`INSERT INTO user_identities (id, user_id, issuer, subject, last_used_at, created_at) SELECT 'idn_1', id, 'http://127.0.0.1:1', 'ada', ${now}, ${now} FROM users;
      UPDATE sessions SET identity_id = 'idn_1'`)
    await setLastProof(skipup, '-15 minutes')
    await openForm(page)
    await dialog(page).getByLabel('Name').fill('Nightly sync')
    await submit(page)
    await submit(page)
    await expect(dialog(page).getByText('Confirm it’s you with Acme ID first.')).toBeVisible()
  }), { variables: singleSignOn }),
  'step-up-page': signedIn(async (page, { skipup }) => {
    await setUpSecondFactor(page)
    await setLastProof(skipup, '-15 minutes')
    await page.goto('/settings/account/second-factor')
  }),
  'sign-in-passkey': withPasskeys((page) => signOutTo(page, '/login')),
  passkeys: withPasskeys((page) => page.goto('/settings/account')),
  'passkey-add': withPasskeys(async (page) => {
    await page.goto('/settings/account')
    await page.getByRole('link', { name: 'Add passkey…' }).click()
    await expect(dialog(page).getByLabel('Name')).toBeFocused()
  }),
  'passkey-rename': withPasskeys((page) => page.goto('/settings/account/passkeys/pky_0')),
  'passkey-remove': withPasskeys((page) => page.goto('/settings/account/passkeys/pky_0/remove')),
  'sign-in-second-passkey': withPasskeys(async (page) => {
    await signOutTo(page, '/login')
    await signIn(page)
    await expect(page.getByRole('heading', { name: 'Use your passkey' })).toBeVisible()
  }),
  'step-up-passkey': withPasskeys(async (page, { skipup }) => {
    await setLastProof(skipup, '-15 minutes')
    await page.goto('/settings/account/second-factor')
  }),
  'account-email-by-operator': signedIn(async (page) => {
    await page.goto('/settings/account')
    await page.getByRole('link', { name: 'Change email' }).click()
    await expect(page.getByText('skipup user change-email')).toBeVisible()
  }),
  'confirm-email': signedIn(async (page, { skipup }) => page.goto(await confirmLink(skipup, 'ada@new.acme.test'))),
  'confirm-email-signed-out': async (page, { skipup }) => {
    await page.goto(await confirmLink(skipup, 'ada@new.acme.test'))
  },
  'confirm-email-other': signedIn(async (page, { skipup }) => {
    const link = await confirmLink(skipup, 'gil@new.acme.test')
    await skipup.run(['workspace', 'create', '--name', 'Globex', '--email', 'gil@globex.test', '--admin-name', 'Gil'], ada.password + '\n')
    await skipup.exec("UPDATE account_links SET user_id = (SELECT id FROM users WHERE email = 'gil@globex.test')")
    await page.goto(link)
  }),
  'confirm-email-taken': signedIn(async (page, { skipup }) => {
    await skipup.run(['workspace', 'create', '--name', 'Globex', '--email', 'gil@globex.test', '--admin-name', 'Gil'], ada.password + '\n')
    await page.goto(await confirmLink(skipup, 'gil@globex.test'))
    await page.getByRole('button', { name: 'Confirm email' }).click()
    await expect(page.getByRole('alert')).toContainText('already uses this email')
  }),
  'confirm-email-used': async (page) => {
    await page.goto('/confirm-email/USED')
  },
  'account-rejected': signedIn(async (page) => {
    await page.goto('/settings/account')
    await page.getByRole('button', { name: 'Change password' }).click()
    await expect(page.getByLabel('Current password')).toHaveAttribute('aria-invalid', 'true')
  }),
  'account-delete': signedIn(async (page) => {
    await page.goto('/settings/account/delete')
  }),
  workspace: signedIn((page) => page.goto('/settings/workspace')),
  'workspace-rename-rejected': signedIn(async (page) => {
    await page.goto('/settings/workspace/name')
    await page.getByRole('textbox', { name: 'Name' }).fill('')
    await submit(page)
    await expect(page.getByRole('textbox', { name: 'Name' })).toHaveAttribute('aria-invalid', 'true')
  }),
  'workspace-new': signedIn((page) => page.goto('/settings/workspace/new')),
  'workspace-leave-rejected': signedIn(async (page) => {
    await page.goto('/settings/workspace/leave')
    await submit(page)
    await expect(page.getByRole('alert')).toHaveText(/You’re the last admin/)
  }),
  'workspace-delete-rejected': inTeam(async (page) => {
    await page.goto('/settings/workspace/delete')
    await submit(page)
    await expect(page.getByRole('textbox', { name: /^Type .* to confirm/ })).toHaveAttribute('aria-invalid', 'true')
  }),
  'single-sign-on-needed': Object.assign(signedIn((page) => page.goto('/login/sso/needed')), { variables: singleSignOn }),
  'single-sign-on-rejected': Object.assign(async (page) => {
    await page.goto('/login/sso/return?state=expired')
    await expect(page.getByRole('alert')).toHaveText(/This sign-in has expired/)
  }, { variables: singleSignOn }),
  'single-sign-on-unavailable': Object.assign(async (page, { faults }) => {
    await page.goto('/login')
    await page.getByRole('link', { name: 'Continue with Acme ID' }).click()
    await expect(page.getByRole('alert')).toHaveText(/Acme ID can’t be reached/)
    await faults.expected(/^503 for /)
  }, { variables: singleSignOn }),

  'test-workspace-dialog': signedIn(openTestWorkspaceForm),
  'test-workspace-rejected': signedIn(async (page) => {
    await openTestWorkspaceForm(page)
    await dialog(page).getByLabel('Name').fill('')
    await dialog(page).getByRole('button', { name: 'Create test workspace' }).click()
    await expect(dialog(page).getByLabel('Name')).toHaveAttribute('aria-invalid', 'true')
  }),
  'test-workspace': signedIn(async (page) => {
    await createTestWorkspace(page)
    await workspaceMenu(page).click()
    await expect(page.getByRole('link', { name: 'Acme (test)' })).toBeVisible()
  }),
  policy: signedIn((page) => page.goto('/settings/policy')),
  'policy-rejected': inTeam(async (page) => {
    await limitLifetimes(page)
    await page.getByLabel('Maximum lifetime in days').fill('none')
    await page.getByRole('radio', { name: /^Enforce/ }).check()
    await page.getByLabel('Allowed IP addresses').fill('10.0.0.0/8\n10.0.0\n203.0.113.7/24')
    await page.getByRole('button', { name: 'Save policy' }).click()
    await expect(page.getByLabel('Maximum lifetime in days')).toHaveAttribute('aria-invalid', 'true')
  }),
  'shorten-dialog': inTeam(async (page) => {
    await limitLifetimes(page)
    await page.getByRole('link', { name: 'Review and shorten' }).click()
    await page.getByRole('link', { name: /^Shorten all/ }).click()
    await expect(dialog(page).getByRole('heading', { name: /^Shorten \d lifetimes/ })).toBeVisible()
  }),
  shortened: inTeam(async (page) => {
    await limitLifetimes(page)
    await page.goto(listPath + '/shorten?review=lifetime')
    await page.getByRole('button', { name: /^Shorten \d lifetimes/ }).click()
    await expect(page.getByRole('heading', { name: /^Shortened \d lifetimes/ })).toBeVisible()
  }),
  'notifications-none': signedIn((page) => page.goto('/settings/notifications')),
  notifications: signedIn(async (page) => {
    for (const name of ['CI', 'Nightly sync']) await makeKey(page, { name })
    await page.goto('/settings/notifications')
  }),
  'audit-log': inTeam(async (page) => {
    await page.goto('/settings/audit-log')
    await page.locator('#events summary').first().click()
    await page.getByText(/^Verify integrity/).click()
  }),
  'audit-log-no-match': signedIn((page) => page.goto('/settings/audit-log?target=nothing+like+it')),
  'audit-log-rejected': signedIn((page) => page.goto('/settings/audit-log?from=2026-03-02&to=2026-03-01')),
  leaks: signedIn((page) => page.goto(listPath + '/leaks')),
  'leaks-rejected': signedIn(async (page) => {
    await page.goto(listPath + '/leaks')
    await submit(page)
    await expect(page.getByText('Text or a file is required.')).toBeVisible()
  }),
  'leaks-none': signedIn(async (page) => {
    await page.goto(listPath + '/leaks')
    await page.getByLabel('Text', { exact: true }).fill('nothing in it')
    await submit(page)
    await expect(page.getByRole('heading', { name: 'No keys found' })).toBeVisible()
  }),
  'leaks-found': inTeam(async (page, { keys }) => {
    await page.goto(listPath + '/leaks')
    const text = ['Old CRM sync', 'CRM sync', 'Billing report'].map((name) => keys[name].key).join('\n')
    await page.getByLabel('Text', { exact: true }).fill(text + '\n' + keys['CRM sync'].key + '\nsk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17')
    await submit(page)
    await expect(page.getByRole('heading', { name: '3 keys from this workspace found' })).toBeVisible()
  }),
  docs: async (page) => {
    await page.goto('/docs')
  },
  'docs-resource': async (page) => {
    await page.goto('/docs/meeting-requests')
  },
  'docs-resource-open': signedIn(async (page) => {
    await page.goto('/docs/api-keys')
    await page.locator('main details').evaluateAll((details) => details.forEach((one) => (one.open = true)))
  }),
  'docs-menu': async (page) => {
    await page.setViewportSize({ width: 390, height: 844 })
    await page.goto('/docs/seats')
    await page.getByRole('button', { name: 'Menu', exact: true }).click()
  },
  'not-found': signedIn((page) => page.goto('/settings/nothing')),
  'not-found-stranger': async (page) => {
    await page.goto('/nothing')
  },
  'admins-only': signedIn(async (page, { skipup }) => {
    await skipup.exec("UPDATE members SET role = 'member'")
    await page.goto(listPath)
  }),
  'key-usage': inTeam(async (page, { keys, skipup }) => {
    await makeUsage(page, { skipup, key: keys['CRM sync'] })
    await page.goto(`${listPath}/${keys['CRM sync'].id}/usage?period=90d`)
    await page.getByText('View as table').click()
  }),
  'key-usage-none': inTeam((page, { keys }) => page.goto(`${listPath}/${keys['Event relay'].id}/usage`)),
  'key-access': inTeam(async (page, { keys }) => {
    await page.goto(`${listPath}/${keys['Event relay'].id}/access`)
    await page.getByRole('button', { name: 'Read-only' }).click()
  }),
  'key-access-rejected': inTeam(async (page, { keys }) => {
    await page.goto(`${listPath}/${keys['Event relay'].id}/access`)
    await untilADate(page).check()
    await submit(page)
    await expect(page.getByText(/^Expiry must be a date/)).toBeVisible()
  }),
  'key-deletion-scheduled': inTeam(async (page, { keys }) => {
    const { id, name } = keys['Event relay']
    await page.request.post(`${listPath}/${id}/delete/schedule`, { form: { confirm_name: name } })
    await page.goto(`${listPath}/${id}`)
    await expect(page.getByText(/^Paused\. Will be deleted/)).toBeVisible()
  }),
  'key-deleted': inTeam(async (page, { keys, skipup }) => {
    const { id, name, key } = await makeKey(page, { name: 'Old importer' })
    await skipup.useKey(key)
    await page.goto(`${listPath}/${id}/delete`)
    await page.getByRole('textbox', { name: /^Type .* to confirm/ }).fill(name)
    await submit(page)
    await expect(page.getByRole('status').filter({ hasText: /^Deleted “/ })).toBeVisible()
    await page.goto(`${listPath}/${id}`)
    await expect(page.getByText('Deletion receipt')).toBeVisible()
  }),

  'rotate-dialog': signedIn(async (page, { skipup }) => {
    const { id, key } = await makeKey(page, { name: 'CRM sync', scopes: ['meeting_requests.read', 'members.read', 'members.write', 'seats.read'], expiry: '90' })
    for (let i = 0; i < 7; i++) await callAs(skipup, key, 'crm-sync/3.2.0', i % 3 ? '/seats' : '/meeting_requests')
    await skipup.useKey(key)
    await page.goto(`${listPath}/${id}`)
    await page.getByRole('link', { name: 'Rotate', exact: true }).click()
    await expect(dialog(page)).toBeVisible()
  }),
  'rotate-rejected': signedIn(async (page) => {
    const { id } = await makeKey(page, { name: 'CRM sync', scopes: ['seats.read'] })
    await page.goto(`${listPath}/${id}/rotation`)
    await untilADate(page).check()
    await submit(page)
    await expect(page.getByText(/^Expiry must be a date/)).toBeVisible()
  }),
  'rotation-no-callers': signedIn(async (page, { skipup }) => {
    await startRotation(page, skipup, { callers: 0 })
  }),
  rotation: signedIn(async (page, { skipup }) => {
    const { key, old } = await startRotation(page, skipup, { callers: 7, switched: 3, scopes: ['meeting_requests.read', 'seats.read'] })
    await callAs(skipup, old.key, 'crm-sync/3.2.0')
    await callAs(skipup, key, 'crm-sync/3.3.0')
    await callAs(skipup, key, 'okhttp/4.12.0', '/workspace_members')
    await expect(page.getByRole('region', { name: 'New callers' })).toBeVisible()
    await expect(page.getByText('the new key lacks the scope')).toBeVisible()
  }),
  'rotation-all-moved': signedIn(async (page, { skipup }) => {
    await startRotation(page, skipup, { callers: 3, switched: 3 })
  }),
  'rotation-quiet': signedIn(async (page, { skipup }) => {
    const { old } = await startRotation(page, skipup, { callers: 3, switched: 3 })
    await ageLastUse(skipup, old, 3)
    await page.reload()
    await expect(page.getByRole('button', { name: 'Delete old key' })).toBeVisible()
  }),
  'rotation-finish-rejected': signedIn(async (page, { skipup }) => {
    await startRotation(page, skipup, { callers: 3, switched: 1 })
    await page.getByRole('link', { name: 'Delete old key' }).click()
    await dialog(page).getByRole('button', { name: 'Delete old key' }).click()
    await expect(dialog(page).getByText('Reason is required.')).toBeVisible()
  }),
  'rotation-cancel': signedIn(async (page, { skipup }) => {
    await startRotation(page, skipup, { callers: 2, switched: 1 })
    await page.getByRole('link', { name: 'Cancel rotation' }).click()
    await expect(dialog(page)).toBeVisible()
  }),
  'rotation-complete': signedIn(async (page, { skipup }) => {
    const { old } = await startRotation(page, skipup, { callers: 2, switched: 2 })
    await page.request.post(rotationOf(old) + '/finish', { form: { confirm_name: old.name, reason: 'All callers have switched' } })
    await callAs(skipup, old.key, 'curl/8.5.0')
    await page.reload()
    await expect(page.getByRole('heading', { name: 'Old key still in use' })).toBeVisible()
  }),
  'rotation-history': signedIn(async (page, { skipup }) => {
    const { old } = await startRotation(page, skipup, { callers: 2, switched: 1 })
    await page.goto(`${listPath}/${old.id}`)
    await expect(page.getByRole('heading', { name: 'Rotation history' })).toBeVisible()
  }),
  ...peopleStates,
  ...Object.fromEntries(Object.entries({ ...hygieneStates, ...webhookStates }).map(([name, open]) => [name, Object.assign(signedIn(open), { contents: open.contents })])),
}

// similarStates are states with the markup of others. They need screenshots only.
export const similarStates = {
  ...similarPeopleStates,
  'list-few': signedIn(async (page) => {
    await makeKeys(page, team.slice(1, 4).map(({ name, scopes }) => ({ name, scopes })))
    await page.goto(listPath)
  }),
  'list-many': inTeam(async () => {}, withKeys(120)),
  'list-used': inTeam(async (page, { keys, skipup }) => {
    await makeUsage(page, { skipup, key: keys['CRM sync'] })
    await makeUsage(page, { skipup, key: keys['Health check'], days: 20, scale: 1 / 40 })
    await page.goto(listPath)
  }),
  'key-used': inTeam(async (page, { keys, skipup }) => {
    await makeUsage(page, { skipup, key: keys['CRM sync'] })
    await page.goto(`${listPath}/${keys['CRM sync'].id}`)
  }),
  'key-usage-week': inTeam(async (page, { keys, skipup }) => {
    await makeUsage(page, { skipup, key: keys['CRM sync'] })
    await page.goto(`${listPath}/${keys['CRM sync'].id}/usage?period=7d`)
    await page.locator('[data-bar]').nth(100).hover()
  }),
  shortcuts: inTeam(async (page) => {
    await page.keyboard.press('?')
    await expect(dialog(page)).toBeVisible()
  }),
  'search-box-commands': inTeam((page) => searchFor(page, '')),
  'search-box-none': inTeam((page) => searchFor(page, 'nothing like it')),
  'search-box-unknown-key': inTeam((page) => searchFor(page, 'sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17')),
  'list-sorted': inTeam((page) => page.goto(listPath + '?sort=last_used&order=desc')),
}
