package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models/wire"
)

// jsonErrorListener accepts connections on which the errors of net/http itself are JSON. net/http writes
// them as text, without calling a handler, for requests that it can't parse.
type jsonErrorListener struct{ net.Listener }

// Accept implements net.Listener.
func (l jsonErrorListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return jsonErrorConn{connection}, nil
}

type jsonErrorConn struct{ net.Conn }

// bareErrorHeader follows the status line of the errors of net/http, and of no other response.
var bareErrorHeader = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// maxBareError is longer than any of these errors, in bytes.
const maxBareError = 512

// Write implements io.Writer.
func (c jsonErrorConn) Write(text []byte) (int, error) {
	if len(text) > maxBareError {
		return c.Conn.Write(text)
	}
	line, _, found := bytes.Cut(text, []byte("\r\n"))
	if !found || !bytes.HasPrefix(text[len(line):], bareErrorHeader) {
		return c.Conn.Write(text)
	}
	if _, err := c.Conn.Write(jsonError(line)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// jsonError returns the response for the status line of an error of net/http.
func jsonError(line []byte) []byte {
	status := http.StatusBadRequest
	if parts := bytes.SplitN(line, []byte(" "), 3); len(parts) > 1 {
		if code, err := strconv.Atoi(string(parts[1])); err == nil {
			status = code
		}
	}
	message := "We couldn't parse this request. Check its URL, where % must be written as %25, and its headers."
	if status == http.StatusRequestHeaderFieldsTooLarge {
		message = fmt.Sprintf("The request headers are larger than %d KiB.", MaxHeader>>10)
	}
	body, _ := json.Marshal(wire.ErrorBody{Error: wire.Error{Type: "invalid_request", Message: message}}) // strings only
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"+
		"X-Content-Type-Options: nosniff\r\nX-Request-Id: req_%s\r\nConnection: close\r\n\r\n%s\n",
		status, http.StatusText(status), len(body)+1, ulid.Make(), body)
}
