package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/labstack/echo/v4"
)

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
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, new(*http.MaxBytesError)):
		return errUploadTooLarge
	}
	return errForm
}

var errUploadTooLarge = &RequestError{Status: http.StatusRequestEntityTooLarge, Type: "payload_too_large", Message: "This upload is larger than 64 MiB."}
