// Keeps relative times current and shows times in the browser's time zone. The wording matches
// views/ui/time.go.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

function plural(n, unit) {
  return n === 1 ? `1 ${unit}` : `${n.toLocaleString('en-US')} ${unit}s`
}

function distance(seconds) {
  const count = (unit) => Math.round(seconds / unit)
  if (seconds < 45) return ''
  if (count(60) < 60) return plural(count(60), 'minute')
  if (count(3600) < 24) return plural(count(3600), 'hour')
  if (count(86400) <= 90) return plural(count(86400), 'day')
  if (count(86400) < 345) return plural(Math.round(seconds / 86400 / 30.44), 'month')
  return plural(Math.round(seconds / 86400 / 365.25), 'year')
}

function relative(at) {
  const away = (at - Date.now()) / 1000
  const text = distance(Math.abs(away))
  if (!text) return away > 0 ? 'in a moment' : 'just now'
  return away > 0 ? `in ${text}` : `${text} ago`
}

const toTheMinute = {
  timeZone: zone, day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short',
}
const formats = {}

function exact(at) {
  formats.exact ??= new Intl.DateTimeFormat('en-GB', toTheMinute)
  return formats.exact.format(at)
}

function precise(at) {
  formats.precise ??= new Intl.DateTimeFormat('en-GB', { ...toTheMinute, second: '2-digit', fractionalSecondDigits: 3 })
  return formats.precise.format(at)
}

function set(element, text) {
  if (element && element.textContent !== text) element.textContent = text
}

// zoneDiffers reports whether the server rendered the page in another time zone.
function zoneDiffers() {
  return zone && document.body.dataset.zone !== zone
}

function refresh(root = document) {
  const rewrite = zoneDiffers()
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime)
    set(time.querySelector('[data-relative]'), relative(at))
    if (!rewrite) continue
    const text = exact(at)
    if (time.title) time.title = text
    set(time.querySelector('[data-exact]'), text)
    set(time.querySelector('[data-precise]'), precise(at))
  }
  if (rewrite) set(document.querySelector('[data-zone-name]'), zone)
}

if (zoneDiffers()) {
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  document.cookie = `timezone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`
}

refresh()
document.addEventListener('htmx:after:swap', () => refresh())
document.addEventListener('visibilitychange', () => document.hidden || refresh())
setInterval(() => document.hidden || refresh(), 20000)
