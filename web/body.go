package web

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// MaxBody limits the size of a request body, in bytes.
	MaxBody = 64 << 10
	// MaxUpload limits the size of a request body on routes that allow uploads, in bytes. It is
	// larger than any file that such a route accepts, because a browser whose connection is
	// closed while it sends can't show why.
	MaxUpload = 64 << 20
	// uploadTimeout limits how long an upload may take.
	uploadTimeout = 3 * time.Minute
	// restTimeout limits how long a response waits for the rest of a body that no handler read.
	restTimeout = time.Second
)

// limitedBody is a request body of limited size.
type limitedBody struct {
	io.ReadCloser // limited
	whole         io.ReadCloser
	length, limit int64
	ended         bool
}

// Read implements io.Reader. It rejects a body that is declared too large without reading it, so
// that a client that sent Expect: 100-continue doesn't have to send it.
func (b *limitedBody) Read(into []byte) (int, error) {
	if b.length > b.limit {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	n, err := b.ReadCloser.Read(into)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

func (b *limitedBody) setLimit(c echo.Context, limit int64) {
	b.ReadCloser, b.limit = http.MaxBytesReader(c.Response().Writer, b.whole, limit), limit
}

// limitBody makes reading more than MaxBody of a body fail. The size is checked when the body is
// read, so that callers without access get their 401 or 403 first. See AllowUploads.
//
// The limited body belongs to a copy of the request: net/http must find its own body in the original
// to know that it need not wait for a body that the client withholds (Expect: 100-continue).
func limitBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Body == http.NoBody {
			return next(c)
		}
		r := c.Request().WithContext(c.Request().Context())
		body := &limitedBody{whole: r.Body, length: r.ContentLength}
		body.setLimit(c, MaxBody)
		r.Body = body
		c.SetRequest(r)
		c.Response().Before(func() {
			if !body.ended { // net/http reads the rest before it sends the response
				setReadDeadline(c, restTimeout)
			}
		})
		return next(c)
	}
}

// AllowBodies returns middleware that raises the limit of the request body.
func AllowBodies(limit int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if body, limited := c.Request().Body.(*limitedBody); limited {
				body.setLimit(c, limit)
			}
			return next(c)
		}
	}
}

// AllowUploads raises the limit of the request body from MaxBody to MaxUpload and extends the
// deadlines accordingly.
func AllowUploads(next echo.HandlerFunc) echo.HandlerFunc {
	return AllowBodies(MaxUpload)(func(c echo.Context) error {
		setReadDeadline(c, uploadTimeout)
		// An error means that the server has no deadlines.
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(2 * uploadTimeout))
		return next(c)
	})
}

func setReadDeadline(c echo.Context, timeout time.Duration) {
	// An error means that the server has no deadlines.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(timeout))
}
