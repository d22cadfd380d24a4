// Configures `make screenshots`: screenshots of every state of every page, and those in the README.
import tests from './playwright.config.js'

export default { ...tests, testMatch: ['screenshots.js', 'demo_screenshots.js'], timeout: 1_500_000 }
