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

// leakChecks is where a text is checked for keys that are in it. The text is searched as it comes in:
// it is not in memory as a whole, not stored, and in no log, error or answer.
type leakChecks struct{ store *models.Store }

func (h leakChecks) ask(c echo.Context) error {
	return web.Render(c, http.StatusOK, leaks.Check(leaks.Page{}))
}

// check searches what was sent, and shows which keys of the workspace are in it.
func (h leakChecks) check(c echo.Context) error {
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
		text := &counted{from: content}
		err := token.Search(text, func(finding token.Finding) error {
			found.Add(source, finding)
			return nil
		})
		page.Read += text.read
		return err
	})
	switch {
	case errors.Is(err, errTextTooLong):
		page.Errors = models.Fields{"file": "is larger than 10 MB. Use skipup keys scan for it"}
	case err != nil:
		return err
	case page.Read == 0:
		page.Errors = models.Fields{"text": "a text, or choose a file"}
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

// counted counts what is read, and ends with errTextTooLong beyond leaks.MaxText.
type counted struct {
	from io.Reader
	read int64
}

var errTextTooLong = errors.New("the text is too long")

func (r *counted) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	if r.read += int64(n); r.read > leaks.MaxText {
		return 0, errTextTooLong
	}
	return n, err
}
