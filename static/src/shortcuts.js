// Single-key shortcuts. A control names the key that presses it in data-shortcut: in a row of a list, it is
// the control of the row with the focus.
import { on } from './on.js'

const setting = 'single-key-shortcuts'
const areOn = () => localStorage.getItem(setting) !== 'off'
const typing = 'textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])'
const open = 'dialog[open], [popover]:popover-open, details[data-menu][open]'

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !areOn()) return
  if (event.target.closest?.(typing) || document.querySelector(open)) return
  const step = { j: 1, k: -1 }[event.key]
  const control = step ? rowAfter(step) : !event.repeat && controlFor(event.key)
  if (!control) return
  event.preventDefault()
  if (step) control.focus()
  else control.click()
})

// rowAfter returns the link of the next or previous row, or of the first one if none has the focus.
function rowAfter(step) {
  const rows = [...document.querySelectorAll('tbody tr:has([data-shortcut])')]
  const from = rows.indexOf(document.activeElement.closest('tr'))
  return rows[from < 0 ? 0 : from + step]?.querySelector('[data-cell=main] a')
}

function controlFor(key) {
  const selector = `[data-shortcut="${CSS.escape(key)}"]`
  return document.activeElement.closest('tr')?.querySelector(selector) ?? document.querySelector(selector + ':not(tr *)')
}

on('change', '[data-single-keys]', (event, box) => localStorage.setItem(setting, box.checked ? 'on' : 'off'))

function show() {
  for (const box of document.querySelectorAll('[data-single-keys]')) box.checked = areOn()
}
show()
document.addEventListener('htmx:after:swap', show)
