// The only script. Every page works without it. Listeners are on the document, so that content that
// htmx swaps in needs no setup.
import 'htmx.org/dist/htmx.esm.js'
import './busy.js'
import './chart.js'
import './select.js'
import './dialog.js'
import './forms.js'
import './live.js'
import './menus.js'
import './secret.js'
import './theme.js'
import './time.js'
import './toast.js'
