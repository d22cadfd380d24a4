// The one script. It only makes better what works without it: everything here listens at the
// document, so that parts which htmx swaps in need no setting up.
import 'htmx.org/dist/htmx.esm.js'
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
