// Runs a provider of OpenID Connect for single sign-on.
import { once } from 'node:events'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const client = { id: 'skipup', secret: 'three patient lighthouses' }

// The default pages load a font from the internet.
const logoutPages = {
  enabled: true,
  logoutSource: (context, form) => void (context.body = `${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`),
  postLogoutSuccessSource: (context) => void (context.body = 'Signed out'),
}

export class IdentityProvider {
  person = { email: 'grace@acme.test', name: 'Grace Hopper' } // who signs in next, without being asked for a password

  // start listens, so that the URL is known. Requests wait until serve is called.
  static async start() {
    const provider = new IdentityProvider()
    provider.server = createServer(async (request, response) => (await provider.ready)(request, response))
    provider.ready = new Promise((resolve) => (provider.serve = (url) => resolve(provider.handler(url))))
    provider.server.listen(0, '127.0.0.1')
    await once(provider.server, 'listening')
    provider.issuer = `http://127.0.0.1:${provider.server.address().port}`
    return provider
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }

  get variables() {
    return { SKIPUP_OIDC_ISSUER: this.issuer, SKIPUP_OIDC_CLIENT_ID: client.id, SKIPUP_OIDC_CLIENT_SECRET: client.secret, SKIPUP_OIDC_NAME: 'Acme ID' }
  }

  // handler returns the handler of requests, for SkipUp Keys at a URL.
  handler(url) {
    const oidc = new Provider(this.issuer, {
      clients: [
        {
          client_id: client.id,
          client_secret: client.secret,
          redirect_uris: [url + '/login/sso/return'],
          backchannel_logout_uri: url + '/login/sso/logout',
          backchannel_logout_session_required: true,
        },
      ],
      claims: { email: ['email', 'email_verified'], profile: ['name'] },
      conformIdTokenClaims: false, // the ID token has all of them
      cookies: { keys: ['test'] },
      features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: logoutPages },
      fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its dispatcher rejects local addresses
      interactions: { url: (_, interaction) => '/sign-in/' + interaction.uid },
      findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, email: accountId, email_verified: true, name: this.person.name }) }),
      loadExistingGrant: async ({ oidc: { session, client, provider } }) => {
        const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
        grant.addOIDCScope('openid email profile')
        await grant.save()
        return grant
      },
    })
    const callback = oidc.callback()
    return (request, response) =>
      request.url.startsWith('/sign-in/') ? oidc.interactionFinished(request, response, { login: { accountId: this.person.email } }) : callback(request, response)
  }
}
