package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// change is a page that asks about a change of a subject S with a form F, and makes it. ask serves
// the GET of the page and act its POST. Deleting, pausing, editing and rotating a key are changes.
type change[S, F any] struct {
	// subject reads what is to be changed. It fails if that no longer exists.
	subject func(echo.Context) (S, error)
	// form returns the form of a page that was not submitted. It may be nil.
	form func(S) F
	// show renders the page.
	show func(c echo.Context, status int, subject S, form F, errors models.Fields) error
	// apply makes the change that a submitted form asks for. It renders the response itself if next
	// has no address.
	apply func(c echo.Context, form F) (next, error)
}

// next is where a change leads: to an address, with a notice.
type next struct{ notice, address string }

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

// act makes the change. A rejected form is shown again with 422 and the values entered.
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
	if err != nil || next.address == "" {
		return err
	}
	if err := web.SetNotice(c, next.notice); err != nil {
		return err
	}
	return web.Redirect(c, next.address)
}
