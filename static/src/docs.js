// Marks the link to the section of the documentation that is being read.
const sections = [...document.querySelectorAll('.docs-section')]
const links = [...document.querySelectorAll('.sidebar a[href*="#"]')]

let marked

function mark() {
  const current = sections.findLast((section) => section.getBoundingClientRect().top < innerHeight / 3) ?? sections[0]
  const link = links.find((link) => link.hash === '#' + current.id)
  if (link === marked) return
  marked?.removeAttribute('aria-current')
  link?.setAttribute('aria-current', 'location')
  link?.scrollIntoView({ block: 'nearest' })
  marked = link
}

if (sections.length > 0) {
  mark()
  window.addEventListener('scroll', mark, { passive: true })
}
