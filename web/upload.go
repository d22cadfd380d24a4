package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// MaxUpload is the most that a body may hold on a route that takes uploads, in bytes. It is
	// more than such a route reads, so that a browser hears that a file is too large: one whose
	// connection is closed while it sends shows nothing.
	MaxUpload = 64 << 20
	// uploadTimeout is how long an upload may take.
	uploadTimeout = 3 * time.Minute
)

// limitedBody is a body under limitBody.
type limitedBody struct {
	io.ReadCloser
	whole io.ReadCloser
}

// TakesUploads lets a route read MaxUpload of the body, instead of MaxBody, and gives whoever
// sends it the time for it.
func TakesUploads(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if body, limited := r.Body.(limitedBody); limited {
			r.Body = http.MaxBytesReader(c.Response(), body.whole, MaxUpload)
		}
		control, now := http.NewResponseController(c.Response()), time.Now()
		// A server without deadlines needs none.
		_ = control.SetReadDeadline(now.Add(uploadTimeout))
		_ = control.SetWriteDeadline(now.Add(2 * uploadTimeout))
		return next(c)
	}
}

// EachPart calls fn with each part of an uploaded form as it comes in: the name of its field, the
// name of its file, if it is one, and what is in it. Nothing of it is kept.
func EachPart(c echo.Context, fn func(field, file string, content io.Reader) error) error {
	parts, err := c.Request().MultipartReader()
	if err != nil {
		return errForm
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return uploadError(err)
		}
		if err := eachPart(part, fn); err != nil {
			return err
		}
	}
}

func eachPart(part *multipart.Part, fn func(field, file string, content io.Reader) error) error {
	if err := fn(part.FormName(), part.FileName(), uploadReader{part}); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, part)
	return uploadError(err)
}

// uploadReader turns what goes wrong with an upload into what may be said about it.
type uploadReader struct{ io.Reader }

func (r uploadReader) Read(into []byte) (int, error) {
	n, err := r.Reader.Read(into)
	return n, uploadError(err)
}

// uploadError is what may be said about err, which may quote what was sent.
func uploadError(err error) error {
	switch tooLarge := new(http.MaxBytesError); {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &tooLarge):
		return errUploadTooLarge
	}
	return errForm
}

var errUploadTooLarge = &RequestError{Status: http.StatusRequestEntityTooLarge, Type: "payload_too_large", Message: "What was sent is larger than 64 MiB."}
