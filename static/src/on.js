// on calls listen(event, element) for events in elements that match a selector, including elements
// added later.
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
