// Notifications about new callers of a key, on pages and by email.
import { request as send } from 'node:http'
import { expect, test as base } from './test.js'
import { ada, listPath, makeKey } from './steps.js'
import { MailSink } from './mail_sink.js'

const test = base.extend({
  mail: async ({}, use) => {
    const sink = await MailSink.start()
    await use(sink)
    await sink.stop()
  },
  variables: ({ mail }, use) => use({ SMTP_URL: mail.url, SKIPUP_MAIL_FROM: 'keys@acme.test' }),
})

// useFrom sends a request with a key from an address of this machine, and returns its status.
const useFrom = (localAddress, url, key) => new Promise((resolve, reject) => {
  const request = send(`${url}/api/v1/me`, { localAddress, headers: { Authorization: 'Bearer ' + key } }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode))
  })
  request.on('error', reject).end()
})

test('a new caller of a key is reported once, and a known one never', async ({ admin, skipup, mail }) => {
  const key = await makeKey(admin, { name: 'Nightly sync' })
  await admin.goto(`${listPath}/${key.id}`)
  await admin.getByLabel('Notify about new callers').check()
  await admin.getByRole('button', { name: 'Save details' }).click()
  await expect(admin.getByText('Key details updated')).toBeVisible()
  await expect(admin.getByLabel('Notify about new callers')).toBeChecked()
  await admin.goto('/settings/notifications')
  await admin.getByRole('button', { name: 'Mark all as read' }).click()
  await expect(admin.getByRole('link', { name: 'Notifications', exact: true })).toBeVisible()

  await skipup.useKey(key.key) // from 127.0.0.1, while callers are learned
  await skipup.exec(`UPDATE api_keys SET new_callers_since = strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 days') WHERE id = '${key.id}'`)
  for (const address of ['127.0.0.1', '127.0.0.2']) expect(await useFrom(address, skipup.url, key.key)).toBe(200)

  await expect(async () => {
    await admin.goto(listPath)
    await admin.getByRole('link', { name: 'Unread notifications' }).click({ timeout: 1000 })
  }).toPass({ timeout: 300_000 })
  const news = admin.getByRole('listitem').filter({ hasText: 'Unread:' })
  await expect(news).toContainText(/API key Nightly sync was used from a new IP address: 127\.0\.0\.2/)
  await expect(news).not.toContainText('127.0.0.1')
  await news.getByRole('link', { name: 'Nightly sync' }).click()
  await expect(admin).toHaveURL(new RegExp(`${listPath}/${key.id}`))

  const emails = () => mail.messages.filter((message) => message.includes('new IP address'))
  await expect.poll(() => emails().length, { timeout: 300_000 }).toBe(1)
  expect(emails()[0]).toContain(ada.email)
  expect(emails()[0]).toContain('was used from a new IP address: 127.0.0.2')
})
