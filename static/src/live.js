// Live parts: each element with data-live reloads itself every two seconds, or every data-live
// milliseconds, when it receives the event that its hx-trigger names. Reloading stops while the page
// is hidden, while a form in the part is being sent, and when the page was not used for a while, so
// that an open page does not keep a session alive.
import htmx from 'htmx.org/dist/htmx.esm.js'
import { toast } from './toast.js'

const interval = 2000
const idleTimeout = 10 * 60_000

// Keep what people and scripts have changed in a part.
htmx.config.morphIgnore = [...htmx.config.morphIgnore, 'open', 'tabindex', 'data-on', 'role', 'aria-valuemin', 'aria-valuemax', 'aria-valuenow', 'aria-valuetext']

let lastUsed = Date.now()
for (const type of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'focus']) {
  window.addEventListener(type, () => (lastUsed = Date.now()), { capture: true, passive: true })
}

const nextReloads = new WeakMap()

function reload() {
  const now = Date.now()
  if (document.hidden || now - lastUsed > idleTimeout) return
  for (const part of document.querySelectorAll('[data-live]')) {
    const next = nextReload(part, now)
    if (now < next.at || part.querySelector('[data-sent]')) continue
    next.at = now + (Number(part.dataset.live) || interval)
    part.dispatchEvent(new Event('live'))
  }
}

// nextReload returns when a part reloads next: at once, or data-live-after milliseconds after it was
// rendered.
function nextReload(part, now) {
  const after = Number(part.dataset.liveAfter ?? 0)
  if (nextReloads.get(part)?.after !== after) nextReloads.set(part, { after, at: now + after })
  return nextReloads.get(part)
}

setInterval(reload, 200)

// A response without the part must not replace it. A server error may be temporary; another page
// means that this one is outdated, unless a form that is being sent is about to lead elsewhere.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx, tasks } = event.detail
  if (!ctx.sourceElement?.matches?.('[data-live]') || !ctx.response) return
  const { status } = ctx.response
  if (status === 200 && tasks.some((task) => task.type === 'main' && task.fragment.childElementCount > 0)) return
  event.preventDefault()
  if (status !== 204 && status < 500 && !document.querySelector('[data-sent]')) location.reload()
})

// Report an unreachable server once, not at every reload.
let reached = true

document.addEventListener('htmx:after:request', () => (reached = true))
document.addEventListener('htmx:error', (event) => {
  if (!event.detail.ctx?.sourceElement?.matches?.('[data-live]') || !reached) return
  reached = false
  toast('Can’t reach the server. Live updates will resume when you’re back online.')
})
