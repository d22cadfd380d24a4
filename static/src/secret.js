// Removes secrets from a page when it is left, so that the browser's back-forward cache does not
// keep them.
let gone = false

window.addEventListener('pagehide', () => {
  for (const element of document.querySelectorAll('[data-secret]')) {
    gone = true
    if ('value' in element) {
      element.value = ''
      element.defaultValue = ''
    } else {
      element.textContent = ''
    }
  }
})

window.addEventListener('pageshow', (event) => {
  if (!event.persisted || !gone) return
  location.replace(document.querySelector('[data-reveals]')?.dataset.afterClose ?? location.href)
})
