// Forms: prevents duplicate submissions, applies presets, and keeps empty fields and API keys out of search URLs.
import { on } from './on.js'
import { announce } from './toast.js'

// A double click must not submit a form twice. A form that comes back, or that failed to send, can be
// submitted again.
document.addEventListener(
  'submit',
  (event) => {
    const form = event.target
    if (!form.matches('[data-once]')) return
    if (form.dataset.sent) {
      event.preventDefault()
      event.stopImmediatePropagation()
      return
    }
    form.dataset.sent = 'true'
    setTimeout(() => disable(form, true))
  },
  true,
)

function disable(form, disabled) {
  for (const button of form.querySelectorAll('button:not([type=button])')) button.disabled = disabled
}

function release(form) {
  delete form.dataset.sent
  disable(form, false)
}

document.addEventListener('htmx:finally:request', (event) => {
  const { sourceElement, hx } = event.detail.ctx
  if (!hx?.redirect && sourceElement.matches?.('[data-once][data-sent]')) release(sourceElement)
})
window.addEventListener('pageshow', () => document.querySelectorAll('[data-once][data-sent]').forEach(release))

// A search that is in progress must not replace the choice that was just made.
on('change', '[data-ends]', (event, list) => {
  document.querySelector(list.dataset.ends)?.dispatchEvent(new CustomEvent('htmx:abort'))
})

const presets = {
  read_only: (value) => value.endsWith('.read'),
  everything: () => true,
  none: () => false,
}

on('click', 'button[data-preset]', (event, button) => {
  const includes = presets[button.value]
  if (!includes) return
  event.preventDefault()
  const name = button.dataset.preset || 'scopes'
  const boxes = [...button.form.querySelectorAll(`input[name=${name}]`)]
  for (const box of boxes) box.checked = includes(box.value)
  announce(`${boxes.filter((box) => box.checked).length} of ${boxes.length} ${name} selected`)
})

// Shows the checkboxes whose text, value, or group contains what was entered.
on('input', '[data-filters-boxes]', (event, field) => {
  const words = field.value.toLowerCase().split(/\s+/)
  const fieldset = field.closest('fieldset')
  let shown = 0
  for (const group of fieldset.querySelectorAll('[role=group]')) {
    const before = shown
    for (const choice of group.querySelectorAll('.choice')) {
      const text = `${group.ariaLabel} ${choice.textContent} ${choice.querySelector('input').value}`.toLowerCase()
      choice.hidden = !words.every((word) => text.includes(word))
      if (!choice.hidden) shown++
    }
    group.hidden = shown === before
  }
  fieldset.querySelector('[data-none]').hidden = shown > 0
  announce(shown === 1 ? '1 scope' : `${shown} scopes`)
})

on('keydown', '[data-filters-boxes]', (event) => {
  if (event.key === 'Enter') event.preventDefault() // would submit the form
})

on('htmx:config:request', 'form[data-tidy]', (event) => tidy(event.detail.ctx.request.body))
on('formdata', 'form[data-tidy]', (event) => tidy(event.formData))

function tidy(data) {
  for (const [name, value] of [...data]) {
    const text = value.trim().replace(keyText, '$1....')
    if (text === '') data.delete(name)
    else data.set(name, text)
  }
}

// A key or most of one, with the beginning that the lists find it by as its group. Less of a key might be a
// name, such as load_test_environment.
const keyText = /([a-z][a-z0-9]{1,19}_(?:live|test)_[0-9A-Za-z]{4})[0-9A-Za-z]{12,}/g

on('click', '[data-show-password]', (event, button) => showPassword(button, button.ariaPressed !== 'true'))

function showPassword(button, shown) {
  document.getElementById(button.dataset.showPassword).type = shown ? 'text' : 'password'
  button.ariaPressed = String(shown)
}

// Browsers remember what is sent from text fields.
document.addEventListener('submit', (event) => {
  for (const button of event.target.querySelectorAll('[data-show-password]')) showPassword(button, false)
})

// Entering a date selects its radio button.
on('input', 'input[name=expiry_date]', (event, field) => {
  const choice = field.form.querySelector('input[name=expiry][value=date]')
  if (choice && field.value) choice.checked = true
})

// Selecting a custom date moves the focus to the date.
on('change', 'input[name=expiry][value=date]', (event, choice) => choice.form.elements.expiry_date?.focus())

on('click', '[data-copy], [data-copy-text]', async (event, button) => {
  const source = document.getElementById(button.dataset.copy)
  const text = button.dataset.copyText ?? source.value ?? source.textContent
  if (!(await copy(text, source))) return
  button.dataset.used = 'true'
  button.dataset.state = 'copied'
  const region = document.createElement('span')
  region.className = 'sr-only'
  region.role = 'status'
  button.after(region)
  setTimeout(() => (region.textContent = 'Copied'), 50)
  setTimeout(() => {
    delete button.dataset.state
    region.remove()
  }, 2500)
})

// The clipboard API needs HTTPS. Without it, select the text and copy the selection.
async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    if (source?.select) source.select()
    else if (source) getSelection().selectAllChildren(source)
    const write = (event) => {
      event.preventDefault()
      event.clipboardData.setData('text/plain', text)
    }
    document.addEventListener('copy', write)
    const copied = document.execCommand('copy')
    document.removeEventListener('copy', write)
    return copied
  }
}
