// Live parts: each element with data-live is told to ask for itself anew, by the event that its
// hx-trigger names, every two seconds or as many milliseconds as data-live says. Nobody asks while
// the page is hidden or a form in the part is on its way, nor when nobody has touched the page for
// a while: one that is left open must not keep a session alive.
import htmx from 'htmx.org/dist/htmx.esm.js'
import { toast } from './toast.js'

const usual = 2000
const patience = 10 * 60_000

// What people and scripts have changed in a part stays as it is.
htmx.config.morphIgnore = [...htmx.config.morphIgnore, 'open', 'tabindex', 'data-on']

let touched = Date.now()
for (const type of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'focus']) {
  window.addEventListener(type, () => (touched = Date.now()), { capture: true, passive: true })
}

const turns = new WeakMap()

function ask() {
  const now = Date.now()
  if (document.hidden || now - touched > patience) return
  for (const part of document.querySelectorAll('[data-live]')) {
    const turn = turnOf(part, now)
    if (now < turn.at || part.querySelector('[data-sent]')) continue
    turn.at = now + (Number(part.dataset.live) || usual)
    part.dispatchEvent(new Event('live'))
  }
}

// turnOf is when a part asks next: at once, or as many milliseconds after it was drawn as
// data-live-after says.
function turnOf(part, now) {
  const after = Number(part.dataset.liveAfter ?? 0)
  if (turns.get(part)?.after !== after) turns.set(part, { after, at: now + after })
  return turns.get(part)
}

setInterval(ask, 200)

// An answer that is not the part itself must not take its place. An error of the server may be over
// the next time; another page, or none, says that this one is over.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx, tasks } = event.detail
  if (!ctx.sourceElement?.matches?.('[data-live]') || !ctx.response) return
  const { status } = ctx.response
  if (status === 200 && tasks.some((task) => task.type === 'main' && task.fragment.childElementCount > 0)) return
  event.preventDefault()
  if (status !== 204 && status < 500) location.reload()
})

// A server that cannot be reached is told of once, not at each turn.
let reached = true

document.addEventListener('htmx:after:request', () => (reached = true))
document.addEventListener('htmx:error', (event) => {
  if (!event.detail.ctx?.sourceElement?.matches?.('[data-live]') || !reached) return
  reached = false
  toast('The server cannot be reached. This page is kept up to date again when it can be.')
})
