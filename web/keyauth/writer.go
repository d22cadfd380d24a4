package keyauth

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// plainWriter is an http.ResponseWriter that remembers the status. An http.ResponseController finds
// everything else through Unwrap.
type plainWriter struct {
	inner  http.ResponseWriter
	status int // 0 before the header is written
}

// flushWriter is a plainWriter for handlers that look for an http.Flusher.
type flushWriter struct{ plainWriter }

// fullWriter is a flushWriter that can do everything that the writer of an HTTP/1.1 connection can.
type fullWriter struct{ flushWriter }

// around returns a writer that wraps inner, and that has the optional methods of inner.
func (w *fullWriter) around(inner http.ResponseWriter) http.ResponseWriter {
	w.inner = inner
	switch inner.(type) {
	case interface {
		http.Flusher
		http.Hijacker
		io.ReaderFrom
	}:
		return w
	case http.Flusher:
		return &w.flushWriter
	}
	return &w.plainWriter
}

// Unwrap returns the writer for http.ResponseController.
func (w *plainWriter) Unwrap() http.ResponseWriter { return w.inner }

// Header implements http.ResponseWriter.
func (w *plainWriter) Header() http.Header { return w.inner.Header() }

// WriteHeader implements http.ResponseWriter.
func (w *plainWriter) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols { // not informational
		w.began(status)
	}
	w.inner.WriteHeader(status)
}

// began remembers the status of a response.
func (w *plainWriter) began(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *plainWriter) Write(body []byte) (int, error) {
	w.began(http.StatusOK)
	return w.inner.Write(body)
}

// WriteString implements io.StringWriter.
func (w *plainWriter) WriteString(body string) (int, error) {
	w.began(http.StatusOK)
	return io.WriteString(w.inner, body)
}

// Flush implements http.Flusher.
func (w *flushWriter) Flush() { _ = w.FlushError() }

// FlushError flushes for http.ResponseController.
func (w *flushWriter) FlushError() error {
	w.began(http.StatusOK)
	return http.NewResponseController(w.inner).Flush()
}

// Hijack implements http.Hijacker.
func (w *fullWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.inner.(http.Hijacker).Hijack()
	if err == nil {
		w.began(http.StatusSwitchingProtocols)
	}
	return conn, buffered, err
}

// ReadFrom implements io.ReaderFrom, with which net/http sends files without copying them.
func (w *fullWriter) ReadFrom(body io.Reader) (int64, error) {
	w.began(http.StatusOK)
	return w.inner.(io.ReaderFrom).ReadFrom(body)
}
