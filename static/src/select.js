// Selects rows of a table: all on the page at once, with the number of selected rows.
import { on } from './on.js'

const boxes = () => [...document.querySelectorAll('input[name=key][form=bulk]')]

function update() {
  const all = boxes()
  const selected = all.filter((box) => box.checked).length
  for (const every of document.querySelectorAll('[data-select-all]')) {
    every.checked = selected > 0 && selected === all.length
    every.indeterminate = selected > 0 && selected < all.length
  }
  const count = document.querySelector('[data-selected-count]')
  const text = selected === 1 ? '1 key selected' : `${selected} keys selected`
  if (count && count.textContent !== text) count.textContent = text
}

function setAll(checked) {
  for (const box of boxes()) box.checked = checked
  update()
}

on('change', 'input[name=key][form=bulk]', update)
on('change', '[data-select-all]', (event, every) => setAll(every.checked))
on('click', '[data-select-none]', () => {
  setAll(false)
  for (const every of document.querySelectorAll('[data-select-all]')) every.focus() // only one is visible
})

// Browsers restore checked boxes when they return to a page.
window.addEventListener('pageshow', update)
