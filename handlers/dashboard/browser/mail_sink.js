// An SMTP server that keeps the messages it receives.
import { createServer } from 'node:net'

export class MailSink {
  messages = [] // with their headers, without line breaks of quoted-printable

  static async start() {
    const sink = new MailSink()
    sink.server = createServer((socket) => sink.#receive(socket))
    await new Promise((resolve) => sink.server.listen(0, '127.0.0.1', resolve))
    sink.url = `smtp://127.0.0.1:${sink.server.address().port}`
    return sink
  }

  stop() {
    return new Promise((resolve) => this.server.close(resolve))
  }

  #receive(socket) {
    let received = ''
    let isMessage = false
    socket.on('error', () => {}) // the client may disconnect at any time
    socket.write('220 sink.test ESMTP\r\n')
    socket.setEncoding('utf8').on('data', (text) => {
      received += text
      for (;;) {
        const end = isMessage ? '\r\n.\r\n' : '\r\n'
        const length = received.indexOf(end)
        if (length < 0) return
        const line = received.slice(0, length)
        received = received.slice(length + end.length)
        if (isMessage) this.messages.push(line.replaceAll('=\r\n', ''))
        isMessage = !isMessage && /^DATA$/i.test(line)
        if (/^QUIT$/i.test(line)) socket.end('221 Bye\r\n')
        else socket.write(isMessage ? '354 Send the message\r\n' : '250 OK\r\n')
      }
    })
  }
}
