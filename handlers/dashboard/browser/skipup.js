// Starts the real program, on a database of its own.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = join(root, 'bin/skipup')

// Nothing that is set in the developer's shell may reach the program.
const environment = { PATH: process.env.PATH, HOME: process.env.HOME }

const patience = 150_000

// No server outlives the tests, however they end.
const running = new Set()
process.on('exit', () => running.forEach((server) => server.kill('SIGKILL')))

export class SkipUp {
  url = ''
  setUpLink = '' // of a demo the link that signs in
  said = '' // on standard output
  log = '' // on standard error

  // start runs the server on an empty database, with variables, and returns once it has said
  // where it is.
  static start(variables = {}) {
    return SkipUp.#started((server) => ['serve', '--database', 'sqlite:' + server.database], variables)
  }

  // demo runs the demo likewise.
  static demo() {
    return SkipUp.#started((server) => ['demo', '--keep', server.folder], {})
  }

  static async #started(command, variables) {
    const server = new SkipUp()
    server.folder = await mkdtemp(join(tmpdir(), 'skipup-'))
    server.database = join(server.folder, 'skipup.db')
    server.process = spawn(program, [...command(server), '--addr', '127.0.0.1:0'], { env: { ...environment, ...variables } })
    running.add(server.process)
    server.ended = new Promise((resolve) => {
      server.process.once('close', (code, signal) => resolve(code ?? signal))
      server.process.once('error', (error) => resolve(error.message))
    })
    server.process.stderr.setEncoding('utf8').on('data', (text) => (server.log += text))
    await server.welcomed()
    return server
  }

  welcomed() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('skipup serve said nothing in time:\n' + this.log)), patience)
      this.ended.then((how) => reject(new Error(`skipup serve ended with ${how} (was it built?):\n${this.log}`)))
      this.process.stdout.setEncoding('utf8').on('data', (text) => {
        this.said += text
        this.url = /SkipUp Keys is running at (\S+)\n/.exec(this.said)?.[1] ?? ''
        this.setUpLink = /(http\S+\/(?:setup|demo)\/\S+)\n/.exec(this.said)?.[1] ?? ''
        if (!this.url || !this.setUpLink) return
        clearTimeout(late)
        resolve()
      })
    })
  }

  // stop asks the server to end, and returns how it did: 0 if all is well.
  async stop() {
    this.process.kill('SIGTERM')
    const late = setTimeout(() => this.process.kill('SIGKILL'), patience)
    const how = await this.ended
    clearTimeout(late)
    running.delete(this.process)
    await rm(this.folder, { recursive: true, force: true })
    return how
  }

  // run is the program as an operator uses it, on the same database. It returns what the
  // program prints.
  run(args, stdin = '') {
    return output(program, [...args, '--database', 'sqlite:' + this.database], { env: environment }, stdin)
  }

  // exec changes the database itself, for states that no page and no command leads to.
  exec(statements) {
    return output('go', ['run', './handlers/dashboard/browser/exec', this.database], { cwd: root }, statements)
  }

  // call asks the API, with a key or without. It returns the status, the headers and the body.
  async call(path, { key, method = 'GET', body } = {}) {
    const headers = { ...(key && { Authorization: 'Bearer ' + key }), ...(body && { 'Content-Type': 'application/json' }) }
    const answer = await fetch(this.url + '/api/v1' + path, { method, headers, body: body && JSON.stringify(body) })
    return { status: answer.status, headers: answer.headers, body: await answer.text() }
  }

  // used sends a request with a key, and returns once the server has stored that it did, which
  // it does every second.
  async used(key) {
    const { id, workspace } = JSON.parse((await this.call('/me', { key })).body).data
    for (const end = Date.now() + patience; Date.now() < end;) {
      const keys = JSON.parse(await this.run(['keys', 'list', '--workspace', workspace.id, '--json']))
      if (keys.find((one) => one.id === id).last_used_at) return
      await pause(250) // leave the processor to the server
    }
    throw new Error('the use of the key is not stored')
  }
}

function output(file, args, options, stdin) {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`))
      else resolve(stdout)
    })
    child.stdin.on('error', () => {}) // it may have ended, and said why, before it read anything
    child.stdin.end(stdin)
  })
}

// shell runs a line as a person would who pastes it, and returns what it prints.
export function shell(line, env = {}) {
  return output('bash', ['-c', line], { env: { ...environment, ...env } }, '')
}
