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

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  const menu = document.querySelector('details[data-menu][open]')
  if (!menu) return
  event.preventDefault()
  menu.open = false
  menu.querySelector('summary').focus()
})

on('click', 'details[data-menu] a', (event, link) => (link.closest('details').open = false))
