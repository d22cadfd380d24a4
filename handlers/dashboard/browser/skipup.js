// Runs the program on a database of its own.
import { execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = join(root, 'bin/skipup')

// The developer's environment must not affect the program.
const environment = { PATH: process.env.PATH, HOME: process.env.HOME }

const timeout = 150_000 // milliseconds, only for programs that hang

// No server outlives the tests.
const running = new Set()
process.on('exit', () => running.forEach((server) => server.kill('SIGKILL')))

export class SkipUp {
  url = ''
  setupLink = '' // of a demo, the sign-in link; '' once the server is set up
  cookies = [] // of the template's session
  contents // of the template
  stdout = ''
  log = '' // standard error

  // start runs the server with extra environment variables, and returns when it is ready. The database
  // is empty, or a copy of a template's: a stopped server that was set up.
  static start(variables = {}, template) {
    return SkipUp.#started((server) => ['serve', '--database', 'sqlite:' + server.database], variables, template)
  }

  // demo runs the demo and returns when it is ready.
  static demo() {
    return SkipUp.#started((server) => ['demo', '--keep', server.folder], {})
  }

  static async #started(command, variables, template) {
    const server = new SkipUp()
    server.folder = await mkdtemp(join(tmpdir(), 'skipup-'))
    server.database = join(server.folder, 'skipup.db')
    if (template) {
      await cp(template.folder, server.folder, { recursive: true })
      server.cookies = template.cookies
      server.contents = template.contents
    }
    server.process = spawn(program, command(server), { env: { ...environment, SKIPUP_ADDR: '127.0.0.1:0', SKIPUP_SHUTDOWN_DELAY: '0s', ...variables } })
    running.add(server.process)
    server.ended = new Promise((resolve) => {
      server.process.once('close', (code, signal) => resolve(code ?? signal))
      server.process.once('error', (error) => resolve(error.message))
    })
    server.process.stderr.setEncoding('utf8').on('data', (text) => (server.log += text))
    await server.#ready(!template)
    return server
  }

  #ready(needsSetup) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('skipup did not start in time:\n' + this.log)), timeout)
      this.ended.then((code) => reject(new Error(`skipup exited with ${code} (was it built?):\n${this.log}`)))
      this.process.stdout.setEncoding('utf8').on('data', (text) => {
        this.stdout += text
        this.url = /SkipUp Keys is running at (\S+)\n/.exec(this.stdout)?.[1] ?? ''
        this.setupLink = /(http\S+\/(?:setup|demo)\/\S+)\n/.exec(this.stdout)?.[1] ?? ''
        if (!this.url || (needsSetup && !this.setupLink)) return
        clearTimeout(timer)
        resolve()
      })
    })
  }

  // stop stops the server, deletes its database, and returns its exit code, or the signal that killed it.
  async stop() {
    const code = await this.exit()
    await rm(this.folder, { recursive: true, force: true })
    return code
  }

  // exit stops the server but keeps its database.
  async exit() {
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), timeout)
    const code = await this.ended
    clearTimeout(timer)
    running.delete(this.process)
    return code
  }

  // run runs a command on the same database, as an operator would, and returns its output.
  run(args, stdin = '') {
    return output(program, [...args, '--database', 'sqlite:' + this.database], { env: environment }, stdin)
  }

  // exec runs SQL on the database, for states that no page or command can create.
  exec(statements) {
    return output('go', ['run', './handlers/dashboard/browser/exec', this.database], { cwd: root }, statements)
  }

  // call sends an API request, optionally with a key, and returns the status, headers, and body.
  async call(path, { key, method = 'GET', body } = {}) {
    const headers = { ...(key && { Authorization: 'Bearer ' + key }), ...(body && { 'Content-Type': 'application/json' }) }
    const response = await fetch(this.url + '/api/v1' + path, { method, headers, body: body && JSON.stringify(body) })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }

  // useKey sends a request with a key, and returns when the server has stored its last use.
  async useKey(key) {
    const { id, workspace } = JSON.parse((await this.call('/me', { key })).body).data
    for (const end = Date.now() + timeout; Date.now() < end;) {
      const keys = JSON.parse(await this.run(['keys', 'list', '--workspace', workspace.id, '--json']))
      if (keys.find((one) => one.id === id).last_used_at) return
      await pause(250) // leaves CPU time to the server
    }
    throw new Error('the last use of the key was not stored in time')
  }
}

function output(file, args, options, stdin) {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`))
      else resolve(stdout)
    })
    child.stdin.on('error', () => {}) // the program may exit with an error before it reads its input
    child.stdin.end(stdin)
  })
}

// shell runs a command line and returns its output.
export function shell(line, env = {}) {
  return output('bash', ['-c', line], { env: { ...environment, ...env } }, '')
}
