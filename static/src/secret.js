// A new key is in the page once. When the page is left it goes out of it, so that the
// browser's cache for going back and forward holds nothing.
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
