// Pictures of every page and state, into screenshots/, and those of the README: `make screenshots`.
import tests from './playwright.config.js'

export default { ...tests, testMatch: ['screenshots.js', 'demo_screenshots.js'], timeout: 1_500_000 }
