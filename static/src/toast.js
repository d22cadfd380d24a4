// Closes messages that the server rendered, and shows messages about failed requests.
import { on } from './on.js'

const shownFor = 7000
const shownWithLinkFor = 20_000

export function announce(text) {
  const region = document.getElementById('announcement')
  if (!region) return
  const dialog = document.querySelector('dialog[open]')
  ;(dialog ?? document.body).append(region) // everything outside a dialog is inert
  region.textContent = ''
  setTimeout(() => (region.textContent = text), 50)
}

export function toast(text) {
  const host = document.getElementById('toasts')
  const template = document.getElementById('toast')
  if (!host || !template) return
  const fragment = template.content.cloneNode(true)
  const element = fragment.querySelector('[data-toast]')
  for (const shown of document.querySelectorAll('[data-toast]')) shown.remove()
  const dialog = document.querySelector('dialog[open]') // everything outside it is inert
  const place = dialog ?? host
  place.append(element)
  start(element, text)
}

// Screen readers announce a live region when it changes, so set its text once it is in the page.
function start(element, text) {
  const region = element.querySelector('[role=status]')
  text ??= region.textContent
  region.textContent = ''
  setTimeout(() => (region.textContent = text), 50)
  const closeSoon = () => {
    clearTimeout(element.closing)
    element.closing = setTimeout(() => element.remove(), element.querySelector('.link') ? shownWithLinkFor : shownFor)
  }
  const stay = () => clearTimeout(element.closing)
  for (const type of ['pointerenter', 'focusin']) element.addEventListener(type, stay)
  for (const type of ['pointerleave', 'focusout']) element.addEventListener(type, closeSoon)
  closeSoon()
}

// A page that follows a change has a message about it. The element that had the focus is gone.
for (const element of document.querySelectorAll('#toasts [data-toast]')) {
  start(element)
  const heading = document.querySelector('main h1')
  if (!heading || document.activeElement !== document.body) continue
  heading.tabIndex = -1
  heading.focus({ preventScroll: true })
}

on('click', '[data-dismiss]', (event, button) => {
  event.preventDefault()
  button.closest('[data-toast]').remove()
})
