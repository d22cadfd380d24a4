package dashboard

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/views/leaks"
	"github.com/skipup/keys/web"
)

// leaksHandler scans text for API keys. The text is scanned as it arrives. It is never held in memory
// as a whole, stored, logged, or repeated in a response.
type leaksHandler struct{ store *models.Store }

func (h leaksHandler) new(c echo.Context) error {
	return web.Render(c, http.StatusOK, leaks.Check(leaks.Page{}))
}

// check scans the text and renders which of the workspace's keys it contains.
func (h leaksHandler) check(c echo.Context) error {
	var (
		page  leaks.Page
		found models.FoundKeys
	)
	err := web.EachPart(c, func(field, file string, content io.Reader) error {
		source := "the pasted text"
		switch {
		case field != "text" && field != "file":
			return nil
		case file != "":
			source = file
		}
		text := &limitedReader{from: content}
		err := token.Search(text, func(finding token.Finding) error {
			found.Add(source, finding)
			return nil
		})
		page.Read += text.read
		return err
	})
	switch {
	case errors.Is(err, errTextTooLong):
		page.Errors = models.Fields{"file": "is larger than 10 MB. Use skipup keys scan instead"}
	case err != nil:
		return err
	case page.Read == 0:
		page.Errors = models.Fields{"text": "or a file is required"}
	}
	if len(page.Errors) > 0 {
		return web.Render(c, http.StatusUnprocessableEntity, leaks.Check(page))
	}
	page.Report, err = h.store.CheckLeaks(c.Request().Context(), web.CallerOf(c).WorkspaceID, found)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, leaks.Found(page))
}

// limitedReader counts the bytes read and returns errTextTooLong after leaks.MaxText of them.
type limitedReader struct {
	from io.Reader
	read int64
}

var errTextTooLong = errors.New("the text is too long")

func (r *limitedReader) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	if r.read += int64(n); r.read > leaks.MaxText {
		return 0, errTextTooLong
	}
	return n, err
}
