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
	// MaxUpload limits the size of a request body on routes that allow uploads, in bytes. It is
	// larger than any file that such a route accepts, because a browser whose connection is
	// closed while it sends can't show why.
	MaxUpload = 64 << 20
	// uploadTimeout limits how long an upload may take.
	uploadTimeout = 3 * time.Minute
)

// limitedBody is a request body that limitBody has limited to MaxBody.
type limitedBody struct {
	io.ReadCloser
	whole io.ReadCloser
}

// AllowUploads raises the limit of the request body from MaxBody to MaxUpload and extends the
// deadlines accordingly.
func AllowUploads(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if body, limited := r.Body.(limitedBody); limited {
			r.Body = http.MaxBytesReader(c.Response(), body.whole, MaxUpload)
		}
		control, now := http.NewResponseController(c.Response()), time.Now()
		// Errors mean that the server has no deadlines.
		_ = control.SetReadDeadline(now.Add(uploadTimeout))
		_ = control.SetWriteDeadline(now.Add(2 * uploadTimeout))
		return next(c)
	}
}

// EachPart calls fn with each part of a multipart form as it arrives: the name of the field, the
// name of the file or "", and the content. Nothing is stored.
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

// uploadReader replaces errors with those of uploadError.
type uploadReader struct{ io.Reader }

func (r uploadReader) Read(into []byte) (int, error) {
	n, err := r.Reader.Read(into)
	return n, uploadError(err)
}

// uploadError returns an error for the client in place of err, which may quote the upload.
func uploadError(err error) error {
	switch tooLarge := new(http.MaxBytesError); {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &tooLarge):
		return errUploadTooLarge
	}
	return errForm
}

var errUploadTooLarge = &RequestError{Status: http.StatusRequestEntityTooLarge, Type: "payload_too_large", Message: "This upload is larger than 64 MiB."}
