// Configures the browser tests, which `make test-browser` runs against bin/skipup.
import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'

// Chromium takes twice the CPU time of its headless shell, because it also renders its own windows.
const chromium = process.env.CHROMIUM || ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.js',
  outputDir: '../../../test-results',
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  workers: 4, // for two cores: tests often wait for leases and dialogs
  reporter: process.stdout.isTTY ? 'line' : 'list',
  // The timeouts only end tests that hang: a busy machine may be many times slower than a quiet one.
  timeout: 450_000,
  expect: { timeout: 75_000 },
  use: {
    launchOptions: {
      executablePath: chromium,
      // Chromium's sandbox doesn't support root, the usual user in containers.
      args: ['--disable-background-networking', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    },
    locale: 'en-GB',
    timezoneId: 'UTC',
    actionTimeout: 150_000,
    screenshot: 'only-on-failure',
  },
})
