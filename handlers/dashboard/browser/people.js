// Members and seats: helpers for tests, and the states of their pages.
import { expect, request } from '@playwright/test'
import { ada, dialog, signIn, submit, useSession } from './steps.js'

export const membersPath = '/settings/members'
export const seatsPath = '/settings/seats'

export const grace = { name: 'Grace Hopper', email: 'grace@acme.test', password: 'nine patient gardeners' }

// addMember invites someone to the current workspace with a request. It returns the invite link.
export async function addMember(page, { email, name = '', role = 'member' } = grace) {
  const response = await page.request.post(membersPath, { form: { email, name, role } })
  expect(response.status(), 'invite a member').toBe(201)
  return /value="(http[^"]+\/invitations\/\w+)"/.exec(await response.text())[1]
}

// join accepts an invitation with a request, without signing in the page's browser.
export async function join(request, link, { name, password } = grace) {
  const response = await request.post(link, { form: { name, password }, maxRedirects: 0 })
  expect(response.status(), 'join').toBe(303)
}

// makePeople adds a few members in every state.
async function makePeople(page, skipup) {
  const stranger = await request.newContext({ baseURL: skipup.url })
  const people = [
    ['Grace Hopper', 'grace@acme.test', 'admin'],
    ['Alan Turing', 'alan@acme.test', 'member'],
    ['Katherine Johnson', 'katherine@acme.test', 'member'],
    ['Edsger Dijkstra', 'edsger@acme.test', 'member'],
    ['', 'new.colleague.with.a.long.address@subsidiary.acme.test', 'member'],
    ['Barbara Liskov', 'barbara@acme.test', 'member'],
    ['مارغريت هاميلتون', 'margaret@acme.test', 'member'],
  ]
  for (const [name, email, role] of people) {
    const link = await addMember(page, { email, name, role })
    if (['grace', 'alan', 'katherine', 'edsger'].includes(email.split('@')[0])) await join(stranger, link, { name, password: grace.password })
  }
  await stranger.dispose()
  const at = (days) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${days} days')`
  const member = (email) => `(SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE u.email = '${email}@acme.test')`
  await skipup.exec([
    `UPDATE members SET created_at = ${at(-90)} WHERE id IN (${['ada', 'grace', 'alan'].map(member).join()});`,
    `UPDATE members SET deactivated_at = ${at(-3)} WHERE id = ${member('edsger')};`,
    `UPDATE invitations SET mailed_at = ${at(-1)} WHERE member_id = ${member('margaret')};`,
    `UPDATE invitations SET mail_failure = 'refused' WHERE member_id = ${member('barbara')};`,
  ].join('\n'))
  for (const email of ['ada', 'grace', 'katherine']) await assign(page, email)
}

async function assign(page, email) {
  const response = await page.request.get(`/settings/seats/new?q=${email}`)
  const id = /value="(mem_\w+)"/.exec(await response.text())[1]
  await page.request.post(seatsPath, { form: { member_id: id } })
}

// makeCrowd adds many active members.
export function makeCrowd(skipup, count) {
  const number = "printf('%026d', n)"
  const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`
  const now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
  return skipup.exec([
    `INSERT INTO users (id, email, name, password_hash, created_at, updated_at) ${numbers}
      SELECT 'usr_' || ${number}, 'person' || n || '@acme.test', 'Person ' || n, 'none', ${now}, ${now} FROM numbers;`,
    `INSERT INTO members (id, workspace_id, user_id, role, created_at, updated_at) ${numbers}
      SELECT 'mem_' || ${number}, (SELECT id FROM workspaces), 'usr_' || ${number}, 'member', ${now}, ${now} FROM numbers;`,
    `UPDATE workspaces SET seat_capacity = ${count};`,
    `INSERT INTO seats (id, workspace_id, member_id, assigned_at) ${numbers}
      SELECT 'seat_' || ${number}, (SELECT id FROM workspaces), 'mem_' || ${number}, ${now} FROM numbers WHERE n % 3 > 0;`,
  ].join('\n'))
}

// gil has an account and a workspace of his own.
export const gil = { name: 'Gil', email: 'gil@globex.test', password: ada.password }

// inviteGil invites Gil to the current workspace and returns the link.
export async function inviteGil(page, skipup) {
  await skipup.run(['workspace', 'create', '--name', 'Globex', '--email', gil.email, '--admin-name', gil.name], gil.password + '\n')
  return addMember(page, gil)
}

// asStranger opens a URL without being signed in.
async function asStranger(page, link) {
  await page.context().clearCookies()
  await page.goto(link)
}

const inWorkspace = (open) => async (page, { skipup }) => {
  await useSession(page, skipup)
  await open(page, skipup)
}

const people = { make: makePeople }

const amongPeople = (path, open = async () => {}) => {
  const state = inWorkspace(async (page) => {
    await page.goto(path)
    await open(page)
  })
  return Object.assign(state, { contents: people })
}

export const openMember = async (page, name) => {
  await page.getByRole('link', { name, exact: true }).click()
  await expect(dialog(page).getByRole('heading', { level: 1 })).toBeVisible()
}

export const peopleStates = {
  invitation: inWorkspace(async (page) => asStranger(page, await addMember(page))),
  'invitation-rejected': inWorkspace(async (page) => {
    await asStranger(page, await addMember(page))
    await page.getByLabel('Your name').fill('')
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: 'Join workspace' }).click()
    await expect(page.getByText(/must have at least 15/)).toBeVisible()
  }),
  'invitation-signed-in': inWorkspace(async (page) => page.goto(await addMember(page))),
  'invitation-account': inWorkspace(async (page, skipup) => asStranger(page, await inviteGil(page, skipup))),
  'invitation-account-other': inWorkspace(async (page, skipup) => page.goto(await inviteGil(page, skipup))),
  'invitation-account-signed-in': inWorkspace(async (page, skipup) => {
    const address = await inviteGil(page, skipup)
    await asStranger(page, '/login')
    await signIn(page, gil)
    await page.goto(address)
  }),
  'invitation-used': inWorkspace((page) => asStranger(page, '/invitations/USED')),

  members: amongPeople(membersPath),
  'members-alone': inWorkspace((page) => page.goto(membersPath)),
  'members-pending-none': inWorkspace((page) => page.goto(membersPath + '?status=pending')),
  'members-no-match': inWorkspace((page) => page.goto(membersPath + '?q=no-match')),
  'members-deactivated': amongPeople(membersPath + '?status=deactivated'),
  'member-invite': inWorkspace((page) => page.goto(membersPath + '/new')),
  'member-invite-dialog-rejected': inWorkspace(async (page) => {
    await page.goto(membersPath)
    await page.getByRole('link', { name: 'Invite member' }).click()
    await dialog(page).getByLabel('Email').fill('grace')
    await submit(page)
    await expect(page.getByText(/^Email must be a valid email/)).toBeVisible()
  }),
  'member-invited': inWorkspace(async (page) => {
    await page.goto(membersPath)
    await page.getByRole('link', { name: 'Invite member' }).click()
    await dialog(page).getByLabel('Email').fill(grace.email)
    await submit(page)
    await expect(page.getByLabel('Link', { exact: true })).toBeFocused()
  }),
  'member-dialog': amongPeople(membersPath, (page) => openMember(page, 'Grace Hopper')),
  'member-dialog-sessions': inWorkspace(async (page, skipup) => {
    const other = await request.newContext({ baseURL: skipup.url })
    await join(other, await addMember(page))
    await other.dispose()
    await page.goto(membersPath)
    await openMember(page, grace.name)
  }),
  'member-reset-link': amongPeople(membersPath, async (page) => {
    await openMember(page, 'Grace Hopper')
    await dialog(page).getByRole('button', { name: 'Create reset link' }).click()
    await expect(page.getByLabel('Link', { exact: true })).toBeFocused()
  }),
  'member-details': amongPeople(membersPath, async (page) => {
    await openMember(page, 'Barbara Liskov')
    await dialog(page).getByRole('link', { name: 'Correct details…' }).click()
    await expect(dialog(page).getByLabel('Email')).toBeFocused()
  }),
  'member-dialog-pending': amongPeople(membersPath, (page) => openMember(page, 'مارغريت هاميلتون')),
  'member-dialog-mail-rejected': amongPeople(membersPath, (page) => openMember(page, 'Barbara Liskov')),
  'member-dialog-deactivated': amongPeople(membersPath + '?status=deactivated', (page) => openMember(page, 'Edsger Dijkstra')),
  'member-role-rejected': inWorkspace(async (page) => {
    await page.goto(membersPath)
    await openMember(page, ada.name)
    await dialog(page).getByRole('radio', { name: /^Viewer/ }).check()
    await page.getByRole('button', { name: 'Save role' }).click()
    await expect(page.getByRole('alert')).toContainText('last admin')
  }),
  'member-deactivate': amongPeople(membersPath, async (page) => {
    await openMember(page, 'Grace Hopper')
    await dialog(page).getByRole('link', { name: 'Deactivate…' }).click()
    await expect(page.getByRole('heading', { name: 'Deactivate this member?' })).toBeVisible()
  }),

  seats: amongPeople(seatsPath),
  'seats-none': inWorkspace((page) => page.goto(seatsPath)),
  'seats-full': amongPeople(seatsPath, async (page) => {
    await page.request.post(seatsPath + '/capacity', { form: { capacity: '3' } })
    await page.reload()
  }),
  'seat-assign-dialog': amongPeople(seatsPath, async (page) => {
    await page.getByRole('link', { name: 'Assign seat' }).click()
    await expect(dialog(page).getByRole('radio').first()).toBeVisible()
  }),
  'seat-assign-rejected': amongPeople(seatsPath, async (page) => {
    await page.request.post(seatsPath + '/capacity', { form: { capacity: '3' } })
    await page.goto(seatsPath + '/new')
    await page.getByRole('radio').first().check()
    await submit(page)
    await expect(page.getByRole('alert')).toContainText('All 3 seats are in use.')
  }),
  'seat-release': amongPeople(seatsPath, async (page) => {
    await page.getByRole('link', { name: /^Release…/ }).first().click()
    await expect(page.getByRole('heading', { name: /^Release .*’s seat\?$/ })).toBeVisible()
  }),
  'seat-capacity-rejected': amongPeople(seatsPath, async (page) => {
    await page.getByRole('link', { name: 'Change number of seats' }).click()
    await page.getByRole('textbox', { name: 'Seats' }).fill('2')
    await submit(page)
    await expect(page.getByRole('alert')).toContainText('3 seats are in use. Release seats before you reduce the total to 2')
  }),
}

export const similarPeopleStates = {
  'members-many': inWorkspace(async (page, skipup) => {
    await makeCrowd(skipup, 500)
    await page.goto(membersPath + '?page=2')
  }),
  'seats-many': inWorkspace(async (page, skipup) => {
    await makeCrowd(skipup, 500)
    await page.goto(seatsPath)
  }),
}
