// Charts: shows the numbers of the bar that the pointer or the arrow keys select.
import { on } from './on.js'

// show displays the title of a bar and marks the bar. Without a bar it clears both.
function show(chart, bar) {
  for (const other of chart.querySelectorAll('[data-bar][data-on]')) if (other !== bar) delete other.dataset.on
  if (bar) bar.dataset.on = ''
  const text = bar?.querySelector('title').textContent ?? ''
  const readout = chart.querySelector('[data-readout]')
  if (readout.textContent !== text) readout.textContent = text
  const picture = chart.querySelector('[data-picture]')
  picture.ariaValueText = text || 'Use the arrow keys'
  picture.ariaValueNow = bar ? [...picture.querySelectorAll('[data-bar]')].indexOf(bar) + 1 : picture.ariaValueMax
}

const chartOf = (element) => element.closest('[data-chart]')

on('pointerover', '[data-bar]', (event, bar) => show(chartOf(bar), bar))
on('pointerout', '[data-picture]', (event, picture) => {
  if (!picture.contains(event.relatedTarget)) show(chartOf(picture))
})

on('keydown', '[data-picture]', (event, picture) => {
  const bars = [...picture.querySelectorAll('[data-bar]')]
  const at = bars.findIndex((bar) => 'on' in bar.dataset)
  const to = { ArrowLeft: at < 0 ? bars.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[event.key]
  if (to === undefined || !bars[to]) return
  event.preventDefault()
  show(chartOf(picture), bars[to])
})
on('focusout', '[data-picture]', (event, picture) => show(chartOf(picture)))

// Charts may have been added or changed. They can be focused only where the arrow keys work.
function refresh() {
  for (const picture of document.querySelectorAll('[data-picture]')) {
    picture.tabIndex = 0
    picture.role = 'slider'
    picture.ariaValueMin = 1
    picture.ariaValueMax = picture.querySelectorAll('[data-bar]').length
    show(chartOf(picture), picture.querySelector('[data-bar][data-on]'))
  }
}

refresh()
document.addEventListener('htmx:after:swap', refresh)
