// Saves a preference without leaving the page. A theme and a density apply at once; anything else needs
// another response of the server.
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
  } else if (name === 'density') {
    for (const table of document.querySelectorAll('table[data-density]')) table.dataset.density = value
    press(name, value)
    saved.catch(() => {})
  } else {
    saved.then(() => location.reload(), () => toast('Can’t reach the server. Try again.'))
  }
})

function applyTheme(theme) {
  const classes = document.documentElement.classList
  classes.remove(...themes)
  classes.add(theme)
  press('theme', theme)
}

function press(name, value) {
  for (const button of document.querySelectorAll(`button[name=${name}]`)) {
    button.setAttribute('aria-pressed', String(button.value === value))
  }
}
