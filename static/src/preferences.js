// Saves a preference without leaving the page. A theme applies at once; anything else needs another
// response of the server.
import { on } from './on.js'
import { toast } from './toast.js'

const themes = ['system', 'light', 'dark']

on('submit', 'form[data-preference]', (event, form) => {
  const { name, value } = event.submitter ?? {}
  if (!name) return
  event.preventDefault()
  const body = new URLSearchParams(new FormData(form))
  body.set(name, value)
  const saved = fetch(form.action, { method: 'POST', body, redirect: 'manual' })
  if (name === 'theme') {
    applyTheme(value)
    saved.catch(() => {})
  } else {
    saved.then(() => location.reload(), () => toast('Can’t reach the server. Try again.'))
  }
})

function applyTheme(theme) {
  const classes = document.documentElement.classList
  classes.remove(...themes)
  classes.add(theme)
  for (const button of document.querySelectorAll('button[name=theme]')) {
    button.setAttribute('aria-pressed', String(button.value === theme))
  }
}
