// Asks the browser for a passkey, and sends the form with its answer.
import { on } from './on.js'
import { toast } from './toast.js'

const supported = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON)
document.documentElement.dataset.passkeys = String(supported)

on('click', 'button[data-passkey]', async (event, button) => {
  const answer = button.form.querySelector('[data-passkey-answer]')
  if (button.type === 'submit' && answer.value) return // from before, when another field was wrong
  event.preventDefault()
  if (button.ariaBusy) return
  button.ariaBusy = 'true'
  try {
    suggestion.abort()
    answer.value = JSON.stringify(await ask(button.dataset.passkey))
    button.form.requestSubmit()
  } catch (error) {
    toast(explain(error))
  } finally {
    button.ariaBusy = null
  }
})

// ask returns what the browser answers to the options that it gets from the server.
async function ask(url, more) {
  const response = await fetch(url, { method: 'POST' })
  if (!response.ok) throw new Error('The server offers no passkeys.')
  const options = await response.json()
  return options.user
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...more })
}

function explain({ name }) {
  if (name === 'NotAllowedError') return 'No passkey was used. Try again, or use another way.'
  if (name === 'InvalidStateError') return 'This device already has a passkey for your account.'
  return 'Passkeys don’t work here right now. Reload the page and try again, or use another way.'
}

// Browsers suggest passkeys in the email field of the sign-in page.
const suggestion = new AbortController()

async function suggest() {
  const field = document.querySelector('input[autocomplete~=webauthn]')
  const button = document.querySelector('button[data-passkey]')
  if (!field || !button || !supported || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
  try {
    const answer = await ask(button.dataset.passkey, { mediation: 'conditional', signal: suggestion.signal })
    button.form.querySelector('[data-passkey-answer]').value = JSON.stringify(answer)
    button.form.requestSubmit()
  } catch {
    // The person uses another way.
  }
}

suggest()
