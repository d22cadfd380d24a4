// Live parts: an element with data-live asks for itself anew, so often that what the server has
// stored within the last second is seen within the next. The server answers 204 as long as
// nothing has changed. Nobody asks while the page is hidden, or when nobody has touched it for a
// while: a page that is left open must not keep a session alive.
import htmx from 'htmx.org/dist/htmx.esm.js'

// What people and scripts have changed in a part stays as it is when the part does not.
htmx.config.morphIgnore = [...htmx.config.morphIgnore, 'open', 'tabindex', 'data-on']

const every = 800
const patience = 10 * 60_000

let touched = Date.now()
for (const type of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'focus']) {
  window.addEventListener(type, () => (touched = Date.now()), { capture: true, passive: true })
}

const isWatched = () => !document.hidden && Date.now() - touched < patience

function ask() {
  if (!isWatched()) return
  for (const part of document.querySelectorAll('[data-live]')) htmx.trigger(part, 'live')
}

setInterval(ask, every)
document.addEventListener('visibilitychange', ask)

// An answer that is not the part itself, such as an error, must not take its place.
document.addEventListener('htmx:before:swap', (event) => {
  const { sourceElement, response } = event.detail.ctx
  if (sourceElement?.matches?.('[data-live]') && response && response.status !== 200) event.preventDefault()
})
