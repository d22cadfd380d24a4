// on calls listen(event, element) for events of a type in elements that match a selector, now
// or later in the page.
export function on(type, selector, listen, options) {
  document.addEventListener(
    type,
    (event) => {
      const element = event.target.closest?.(selector)
      if (element) listen(event, element)
    },
    options,
  )
}
