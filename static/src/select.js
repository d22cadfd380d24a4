// Selects rows of a table: all on the page at once, with the number of selected rows.
import { on } from './on.js'

const boxes = () => [...document.querySelectorAll('input[name=key][form=bulk]')]

function update() {
  const all = boxes()
  const selected = all.filter((box) => box.checked).length
  const every = document.querySelector('[data-select-all]')
  if (every) {
    every.checked = selected > 0 && selected === all.length
    every.indeterminate = selected > 0 && selected < all.length
  }
  const count = document.querySelector('[data-selected-count]')
  if (count) count.textContent = selected === 1 ? '1 key selected' : `${selected} keys selected`
}

function setAll(checked) {
  for (const box of boxes()) box.checked = checked
  update()
}

on('change', 'input[name=key][form=bulk]', update)
on('change', '[data-select-all]', (event, every) => setAll(every.checked))
on('click', '[data-select-none]', () => {
  setAll(false)
  document.querySelector('[data-select-all]')?.focus()
})

// Browsers restore checked boxes when they return to a page.
window.addEventListener('pageshow', update)
