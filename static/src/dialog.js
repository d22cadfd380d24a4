// Shows panels in the dialog, and handles responses without the part that htmx expects.
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

document.addEventListener('htmx:after:swap', (event) => {
  const list = document.querySelector('[data-summary]')
  if (list && list !== announced) {
    announced = list
    announce(list.dataset.summary)
  }
  if (event.detail.ctx.target?.id === 'main') focusFirst(document.getElementById('main'))
  const shown = document.getElementById('panel')
  if (!shown || shown === focused) return
  focused = shown
  if (body?.contains(shown)) open()
  else focusFirst(shown)
})

let announced = document.querySelector('[data-summary]')
let focused = document.getElementById('panel')

dialog?.addEventListener('close', () => {
  const announcement = dialog.querySelector('#announcement')
  if (announcement) document.body.append(announcement)
  const next = panel()?.dataset.afterClose
  body.replaceChildren()
  if (next) location.assign(next)
})

// warned reports whether closing must wait for a second try, because a secret was not copied.
function warned() {
  const reveals = panel()?.matches('[data-reveals]')
  if (!reveals || panel().dataset.warned || panel().querySelector('[data-copy][data-used]')) return false
  panel().dataset.warned = 'true'
  toast(panel().dataset.reveals)
  return true
}

dialog?.addEventListener('cancel', (event) => {
  if (warned()) event.preventDefault()
})

// Copying the selected secret with the keyboard or a menu counts too.
on('copy', '[data-reveals] input[data-secret]', (event, field) => {
  if (field.selectionEnd - field.selectionStart < field.value.length) return
  document.querySelector(`[data-copy="${field.id}"]`).dataset.used = 'true'
})

on('click', '[data-close]', (event, control) => {
  if (!dialog?.contains(control)) return
  event.preventDefault()
  if (!warned()) dialog.close()
})

// The response is another page, such as an error or the sign-in page. Go there if a person made the
// request and it can be repeated, or show a message. Parts that load automatically stay as they are;
// live.js handles live parts.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx, tasks } = event.detail
  const main = tasks.find((task) => task.type === 'main')
  if (!ctx.select || !main || main.fragment.childElementCount > 0 || ctx.sourceElement?.matches?.('[data-live]')) return
  event.preventDefault()
  if (ctx.sourceElement?.matches?.('[hx-trigger=load]')) return
  if (ctx.request.method === 'GET') location.assign(ctx.response?.raw?.url || ctx.request.action)
  else toast('Something went wrong. Reload the page and try again.')
})

document.addEventListener('htmx:error', (event) => {
  const { ctx } = event.detail
  if (ctx && !ctx.sourceElement?.matches?.('[data-live]')) toast('Can’t reach the server. Check your connection and try again.')
})
