package dashboard

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// change is a page that changes a subject S with a form F, such as pausing a key. ask handles GET
// requests, and act handles POST requests.
type change[S, F any] struct {
	// subject returns the subject of a request. It returns an error if the subject no longer exists.
	// It may be nil, for a form that creates something.
	subject func(echo.Context) (S, error)
	// form returns the initial form. It may be nil.
	form func(S) F
	// show renders the page.
	show func(c echo.Context, status int, subject S, form F, r rejection) error
	// apply makes the change. If it returns no URL to redirect to, it has rendered the response.
	apply func(c echo.Context, form F) (next, error)
}

// rejection is why a change was rejected: errors of the form's fields, or a message about the whole
// form. It is empty if there was no attempt.
type rejection struct {
	fields  models.Fields
	message string
}

// rejectionOf returns the rejection in err, and whether err is one. Other errors aren't about the
// input.
func rejectionOf(err error) (rejection, bool) {
	rejected, is := errors.AsType[*models.Error](err)
	switch {
	case !is || !slices.Contains([]models.Kind{models.Invalid, models.FailedPrecondition, models.RateLimited}, rejected.Kind):
		return rejection{}, false
	case len(rejected.Fields) > 0:
		return rejection{fields: rejected.Fields}, true
	}
	return rejection{message: rejected.Message}, true
}

// confirmForm is the form of a change that may need a confirmation.
type confirmForm struct {
	Name   string `form:"confirm_name"`
	Reason string `form:"reason"`
	// Descendants deletes the keys that a key created too.
	Descendants bool `form:"descendants"`
}

func (f confirmForm) confirmation() models.Confirmation {
	return models.Confirmation{Name: f.Name, Reason: f.Reason, Descendants: f.Descendants}
}

// next is the page to redirect to after a change, and a notice to show on it.
type next struct{ notice, url string }

func (ch change[S, F]) ask(c echo.Context) error {
	subject, err := ch.subjectOf(c)
	if err != nil {
		return err
	}
	var form F
	if ch.form != nil {
		form = ch.form(subject)
	}
	return ch.show(c, http.StatusOK, subject, form, rejection{})
}

func (ch change[S, F]) subjectOf(c echo.Context) (subject S, err error) {
	if ch.subject != nil {
		subject, err = ch.subject(c)
	}
	return subject, err
}

// act makes the change. A rejected form is rendered again with 422 and the values entered.
func (ch change[S, F]) act(c echo.Context) error {
	var form F
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	next, err := ch.apply(c, form)
	rejected, isRejected := rejectionOf(err)
	if isRejected || models.IsKind(err, models.NotFound) {
		subject, gone := ch.subjectOf(c)
		if gone != nil {
			return gone // a better explanation
		}
		if isRejected {
			return ch.show(c, http.StatusUnprocessableEntity, subject, form, rejected)
		}
	}
	if err != nil || next.url == "" {
		return err
	}
	return redirectWithNotice(c, next.url, next.notice)
}
