// The search box: a combobox whose options are the results that the server renders. Up and Down move
// between results, and Left and Right between what can be done with a result.
import { on } from './on.js'
import { announce } from './toast.js'

const box = document.getElementById('search-box')
const field = box?.querySelector('input')
const list = document.getElementById('search-results')
const isMac = /Mac|iP(hone|ad)/.test(navigator.platform)

let selected // option
let waiting = false // for the results of what was typed
let changes = 0 // of what was typed
let asked // the value of changes when the last request was sent
let entered = false // Enter was pressed while waiting
let failed = false // the last request

function openSearch() {
  if (!box || document.querySelector('dialog[open]')) return
  for (const popover of document.querySelectorAll('[popover]:popover-open')) popover.hidePopover()
  list.replaceChildren()
  box.showModal()
  search()
}

function search() {
  waitForResults()
  field.form.dispatchEvent(new Event('search-now'))
}

function waitForResults() {
  changes++
  select()
  waiting = true
  list.ariaBusy = 'true'
}

function select(option) {
  selected?.setAttribute('aria-selected', 'false')
  selected = option
  if (!option) return field.removeAttribute('aria-activedescendant')
  option.id ||= 'option-' + [...list.querySelectorAll('[role=option]')].indexOf(option)
  option.setAttribute('aria-selected', 'true')
  field.setAttribute('aria-activedescendant', option.id)
  option.scrollIntoView({ block: 'nearest' })
}

const items = () => [...list.querySelectorAll('[data-item]')]
const optionsOf = (item) => [...(item?.querySelectorAll('[role=option]') ?? [])]

// moves returns the option that a key moves to; undefined if it edits the text.
const moves = {
  ArrowDown: () => neighbor(1),
  ArrowUp: () => neighbor(-1),
  ArrowRight: () => field.selectionEnd === field.value.length && sibling(1),
  ArrowLeft: () => sibling(-1),
}

function neighbor(step) {
  const all = items()
  const from = all.indexOf(selected?.closest('[data-item]'))
  return optionsOf(all.at((Math.max(from, step < 0 ? 0 : -1) + step) % all.length))[0]
}

function sibling(step) {
  const options = optionsOf(selected?.closest('[data-item]'))
  return options[options.indexOf(selected) + step]
}

field?.addEventListener('keydown', (event) => {
  if (event.isComposing) return
  if (event.key === 'Enter') {
    event.preventDefault()
    if (failed) search()
    if (waiting) entered = true
    else selected?.click()
    return
  }
  const option = moves[event.key]?.()
  if (!option) return
  event.preventDefault()
  select(option)
})

field?.addEventListener('input', () => {
  entered = false
  waitForResults()
})

field?.form.addEventListener('htmx:before:request', () => {
  asked = changes
  failed = false
})

document.addEventListener('htmx:after:swap', () => {
  const found = list?.querySelector('#found')
  if (!waiting || !found || !box.open || asked !== changes) return
  waiting = false
  list.ariaBusy = null
  announce(found.dataset.found)
  select(list.querySelector('[role=option]'))
  if (entered) selected?.click()
  entered = false
})

field?.form.addEventListener('htmx:error', () => {
  list.ariaBusy = null
  failed = true
})

on('click', '#search-results [role=option]', (event, option) => {
  if (option.dataset.copyText) return
  box.close()
})
on('click', '[data-search]', openSearch)
on('click', '[data-search-close]', () => box.close())
on('click', '#search-box', (event) => event.target === box && box.close())

// What was typed may be a key.
box?.addEventListener('close', () => {
  const announcement = box.querySelector('#announcement')
  if (announcement) document.body.append(announcement)
  field.value = ''
})

document.addEventListener('keydown', (event) => {
  if (event.key.toLowerCase() !== 'k' || event.shiftKey || event.altKey || event.ctrlKey === isMac || event.metaKey !== isMac) return
  event.preventDefault()
  if (box?.open) box.close()
  else openSearch()
})

function nameShortcut() {
  if (isMac) for (const hint of document.querySelectorAll('[data-search-shortcut]')) hint.textContent = '⌘K'
}
nameShortcut()
document.addEventListener('htmx:after:swap', nameShortcut)
