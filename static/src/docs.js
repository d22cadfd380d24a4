// Marks the link to the section of the documentation that is being read: the last one that begins in the
// upper third of the window.
const sections = [...document.querySelectorAll('.docs-section')]
const links = [...document.querySelectorAll('.sidebar a[href*="#"]')]

const shown = new Set()
let marked

function mark() {
  const current = sections.findLast((section) => shown.has(section)) ?? sections[0]
  const link = links.find((link) => link.hash === '#' + current.id)
  if (link === marked) return
  marked?.removeAttribute('aria-current')
  link?.setAttribute('aria-current', 'location')
  link?.scrollIntoView({ block: 'nearest' })
  marked = link
}

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? shown.add(target) : shown.delete(target)
  mark()
}, { rootMargin: '0px 0px -67% 0px' })
for (const section of sections) observer.observe(section)
