// Panels in the dialog, and what htmx does when an answer does not have what was asked for.
import { on } from './on.js'
import { announce, toast } from './toast.js'

const dialog = document.getElementById('dialog')
const body = document.getElementById('dialog-body')

function panel() {
  return body?.querySelector('.panel')
}

function open() {
  for (const popover of document.querySelectorAll('[popover]:popover-open')) popover.hidePopover()
  if (!dialog.open) dialog.showModal()
  focusFirst(body)
}

function focusFirst(part) {
  const first = part.querySelector('[aria-invalid=true]') ?? part.querySelector('[autofocus]') ?? part.querySelector('h1')
  if (!first) return
  if (first.tagName === 'H1') first.tabIndex = -1
  first.focus()
  if (first.matches('[data-select]')) first.select()
}

document.addEventListener('htmx:after:swap', () => {
  const list = document.querySelector('[data-summary]')
  if (list && list !== announced) {
    announced = list
    announce(list.dataset.summary)
  }
  const shown = document.getElementById('panel')
  if (!shown || shown === focused) return
  focused = shown
  if (body?.contains(shown)) open()
  else focusFirst(shown)
})

let announced = document.querySelector('[data-summary]')
let focused = document.getElementById('panel')

dialog?.addEventListener('close', () => {
  const next = panel()?.dataset.afterClose
  body.replaceChildren()
  if (next) location.assign(next)
})

// A new key that was not copied yet is not closed by a slip of the Escape key: it asks for a
// second one.
dialog?.addEventListener('cancel', (event) => {
  const reveals = panel()?.matches('[data-reveals]')
  if (!reveals || panel().dataset.warned || panel().querySelector('[data-copy][data-used]')) return
  event.preventDefault()
  panel().dataset.warned = 'true'
  toast(panel().dataset.reveals || 'The key was not copied yet. Press Escape again to close.')
})

on('click', '[data-close]', (event, control) => {
  if (!dialog?.contains(control)) return
  event.preventDefault()
  dialog.close()
})

// The answer has no such part: it is another page, such as an error, or the sign-in page. Go
// there if somebody has asked for it and it can be asked for again; else say so. What was to be
// loaded by itself is left as it is, and live parts do otherwise: see live.js.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx, tasks } = event.detail
  const main = tasks.find((task) => task.type === 'main')
  if (!ctx.select || !main || main.fragment.childElementCount > 0 || ctx.sourceElement?.matches?.('[data-live]')) return
  event.preventDefault()
  if (ctx.sourceElement?.matches?.('[hx-trigger=load]')) return
  if (ctx.request.method === 'GET') location.assign(ctx.response?.raw?.url || ctx.request.action)
  else toast('That did not work. Please load the page again.')
})

document.addEventListener('htmx:error', (event) => {
  const { ctx } = event.detail
  if (ctx && !ctx.sourceElement?.matches?.('[data-live]')) toast('The server cannot be reached. Please try again.')
})
