// Choosing keys in the list: all on the page at once, and how many are chosen.
import { on } from './on.js'

const boxes = () => [...document.querySelectorAll('input[name=key][form=bulk]')]

function tell() {
  const all = boxes()
  const chosen = all.filter((box) => box.checked).length
  const every = document.querySelector('[data-choose-all]')
  if (every) {
    every.checked = chosen > 0 && chosen === all.length
    every.indeterminate = chosen > 0 && chosen < all.length
  }
  const words = document.querySelector('[data-chosen]')
  if (words) words.textContent = chosen === 1 ? '1 key chosen' : `${chosen} keys chosen`
}

function chooseEach(checked) {
  for (const box of boxes()) box.checked = checked
  tell()
}

on('change', 'input[name=key][form=bulk]', tell)
on('change', '[data-choose-all]', (event, every) => chooseEach(every.checked))
on('click', '[data-choose-none]', () => {
  chooseEach(false)
  document.querySelector('[data-choose-all]')?.focus()
})

// A browser that comes back to the page has kept what was ticked.
window.addEventListener('pageshow', tell)
