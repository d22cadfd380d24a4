// Live parts: each element with data-live is told to ask for itself anew, by the event that its
// hx-trigger names, every two seconds or as many milliseconds as data-live says. Nobody asks while
// the page is hidden or a form in the part is on its way, nor when nobody has touched the page for
// a while: one that is left open must not keep a session alive.
import htmx from 'htmx.org/dist/htmx.esm.js'

const usual = 2000
const patience = 10 * 60_000

// What people and scripts have changed in a part stays as it is.
htmx.config.morphIgnore = [...htmx.config.morphIgnore, 'open', 'tabindex', 'data-on']

let touched = Date.now()
for (const type of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'focus']) {
  window.addEventListener(type, () => (touched = Date.now()), { capture: true, passive: true })
}

const asked = new WeakMap()

function ask() {
  const now = Date.now()
  if (document.hidden || now - touched > patience) return
  for (const part of document.querySelectorAll('[data-live]')) {
    if (now - (asked.get(part) ?? 0) < (Number(part.dataset.live) || usual) || part.querySelector('[data-sent]')) continue
    asked.set(part, now)
    part.dispatchEvent(new Event('live'))
  }
}

setInterval(ask, 200)

// An answer that is not the part itself, such as an error, must not take its place.
document.addEventListener('htmx:before:swap', (event) => {
  const { sourceElement, response } = event.detail.ctx
  if (sourceElement?.matches?.('[data-live]') && response && response.status !== 200) event.preventDefault()
})
