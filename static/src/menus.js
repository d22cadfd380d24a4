// Closes menus, which are details elements.
import { on } from './on.js'

function closeMenus(but) {
  for (const menu of document.querySelectorAll('details[data-menu][open]')) if (menu !== but) menu.open = false
}

document.addEventListener('click', (event) => closeMenus(event.target.closest?.('details[data-menu]')))

// Close a menu when Tab leaves it. Ignore focus by mouse, which would move the click target.
document.addEventListener('focusin', (event) => {
  if (event.target.matches(':focus-visible')) closeMenus(event.target.closest('details[data-menu]'))
})

// The sheet with the navigation would cover what has the focus.
document.addEventListener('focusin', (event) => {
  const sheet = document.querySelector('.sidebar:popover-open')
  if (sheet && !sheet.contains(event.target)) sheet.hidePopover()
})

// In a wide window, the navigation is part of the page (see shell.css).
matchMedia('(width >= 64rem)').addEventListener('change', () => document.querySelector('.sidebar:popover-open')?.hidePopover())

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  const menu = document.querySelector('details[data-menu][open]')
  if (!menu) return
  event.preventDefault()
  menu.open = false
  menu.querySelector('summary').focus()
})

on('click', 'details[data-menu] a', (event, link) => (link.closest('details').open = false))

// The menu of a row is a popover with links and buttons. Without JavaScript, Tab moves between them.
const itemsOf = (menu) => [...menu.querySelectorAll('.menu-item')]

document.addEventListener(
  'toggle',
  (event) => {
    if (event.newState !== 'open' || !event.target.matches('[data-menu-list]')) return
    const menu = event.target
    menu.role = 'menu'
    menu.ariaLabel = document.querySelector(`[popovertarget="${menu.id}"]`).textContent.trim()
    for (const item of itemsOf(menu)) {
      item.role = 'menuitem'
      item.tabIndex = -1
    }
    itemsOf(menu)[0].focus()
  },
  true,
)

on('keydown', '[data-menu-list]', (event, menu) => {
  const items = itemsOf(menu)
  const at = items.indexOf(document.activeElement)
  const starts = (item) => item.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase())
  const next = { ArrowDown: items[(at + 1) % items.length], ArrowUp: items.at(at - 1), Home: items[0], End: items.at(-1) }[event.key]
  if (event.key === 'Tab') menu.hidePopover()
  else if (event.key === ' ') document.activeElement.click()
  const target = next ?? (event.key.length === 1 && [...items.slice(at + 1), ...items].find(starts))
  if (event.key === ' ' || target) event.preventDefault()
  if (target) target.focus()
})
