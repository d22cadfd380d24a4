// Pictures of every page and state, into screenshots/: `make screenshots`.
import tests from './playwright.config.js'

export default { ...tests, testMatch: 'screenshots.js', timeout: 300_000 }
