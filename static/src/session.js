// Keeps what was entered in a form if the session has ended, so that the form can be sent after sign-in.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx } = event.detail
  if (ctx.response?.status !== 401) return
  event.preventDefault()
  event.stopImmediatePropagation()
  const source = ctx.sourceElement
  const form = source.closest?.('form[method=post]') ?? changedForm()
  if (!form) location.reload() // leads to the sign-in page and back
  else if (source.matches?.('[data-live]')) delete source.dataset.live
  else explain(form)
})

function changedForm() {
  const changed = (field) => field.checked !== field.defaultChecked || (field.type !== 'hidden' && field.value !== field.defaultValue)
  return [...document.querySelectorAll('form[method=post] :is(input, textarea)')].find(changed)?.form
}

function explain(form) {
  const template = document.getElementById('signed-out')
  if (!template) return
  for (const shown of document.querySelectorAll('[data-signed-out]')) shown.remove()
  ;(form.querySelector('.panel-body') ?? form).prepend(template.content.cloneNode(true))
  form.querySelector('[data-signed-out] a').focus()
}
