// Marks what a person waits for with aria-busy: the link or button that sent a request, and the list
// that the response will replace. The styles show a spinner or a line if it takes a moment.
import { on } from './on.js'
import { toast } from './toast.js'

const runsByItself = '[data-live], [hx-trigger=load]'

// A form that is not sent by htmx leaves the page, so its button stays busy until then.
document.addEventListener('submit', (event) => {
  if (!event.defaultPrevented || event.target.matches('[hx-get], [hx-post], [hx-boost]')) event.submitter?.setAttribute('aria-busy', 'true')
})

// A server that doesn't answer may be busy or stopped for a moment: the request goes on, so say that.
const slowAfter = 3000
const slow = new WeakMap()

on('htmx:before:request', '*', (event) => {
  const { ctx } = event.detail
  const { sourceElement, target } = ctx
  if (sourceElement.matches(runsByItself)) return
  slow.set(ctx, setTimeout(toast, slowAfter, 'The server hasn’t responded yet. Still waiting…'))
  if (sourceElement.matches('a')) sourceElement.setAttribute('aria-busy', 'true')
  if (target?.matches?.('section')) target.setAttribute('aria-busy', 'true')
})

const release = (part) => {
  for (const element of part.querySelectorAll('[aria-busy]')) element.removeAttribute('aria-busy')
}

document.addEventListener('htmx:finally:request', (event) => {
  const { sourceElement, target, hx } = event.detail.ctx
  clearTimeout(slow.get(event.detail.ctx))
  if (hx?.redirect) return
  for (const element of [sourceElement, target]) element?.removeAttribute?.('aria-busy')
  release(sourceElement)
  for (const button of sourceElement.elements ?? []) button.removeAttribute('aria-busy')
})
window.addEventListener('pageshow', () => release(document))
