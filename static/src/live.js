// Parts of a page that keep themselves up to date: every two seconds each with data-live is told
// to ask for itself again, by the event that its hx-trigger names. Nothing is asked for while
// nobody looks, or while a form in the part is on its way.
const every = 2000

setInterval(() => {
  if (document.hidden) return
  for (const part of document.querySelectorAll('[data-live]')) {
    if (!part.querySelector('[data-sent]')) part.dispatchEvent(new Event('live'))
  }
}, every)
