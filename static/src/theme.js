// Changes the theme at once, and saves it on the server for the next page.
import { on } from './on.js'

const themes = ['system', 'light', 'dark']

on('submit', 'form[data-theme-switch]', (event, form) => {
  const theme = event.submitter?.value
  if (!themes.includes(theme)) return
  event.preventDefault()
  const classes = document.documentElement.classList
  classes.remove(...themes)
  classes.add(theme)
  for (const button of document.querySelectorAll('[data-theme-switch] button[name=theme]')) {
    button.setAttribute('aria-pressed', String(button.value === theme))
  }
  const body = new URLSearchParams(new FormData(form))
  body.set('theme', theme)
  fetch(form.action, { method: 'POST', body, redirect: 'manual' }).catch(() => {})
})
