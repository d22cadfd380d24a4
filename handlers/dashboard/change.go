package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// change is a page that changes a subject S with a form F, such as pausing a key. ask handles GET
// requests, and act handles POST requests.
type change[S, F any] struct {
	// subject returns the subject of a request. It returns an error if the subject no longer exists.
	subject func(echo.Context) (S, error)
	// form returns the initial form. It may be nil.
	form func(S) F
	// show renders the page.
	show func(c echo.Context, status int, subject S, form F, errors models.Fields) error
	// apply makes the change. If it returns no URL to redirect to, it has rendered the response.
	apply func(c echo.Context, form F) (next, error)
}

// next is the page to redirect to after a change, and a notice to show on it.
type next struct{ notice, url string }

func (ch change[S, F]) ask(c echo.Context) error {
	subject, err := ch.subject(c)
	if err != nil {
		return err
	}
	var form F
	if ch.form != nil {
		form = ch.form(subject)
	}
	return ch.show(c, http.StatusOK, subject, form, nil)
}

// act makes the change. An invalid form is rendered again with 422 and the values entered.
func (ch change[S, F]) act(c echo.Context) error {
	var form F
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	next, err := ch.apply(c, form)
	if fields, invalid := models.FieldsOf(err); invalid {
		subject, err := ch.subject(c)
		if err != nil {
			return err
		}
		return ch.show(c, http.StatusUnprocessableEntity, subject, form, fields)
	}
	if models.IsKind(err, models.NotFound) || models.IsKind(err, models.FailedPrecondition) {
		if _, gone := ch.subject(c); gone != nil {
			return gone // a better explanation
		}
	}
	if err != nil || next.url == "" {
		return err
	}
	if err := web.SetNotice(c, next.notice); err != nil {
		return err
	}
	return web.Redirect(c, next.url)
}
