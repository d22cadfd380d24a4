package dashboard

import (
	"errors"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// formError returns err if it is about the input, so that the form can be rendered again with it;
// otherwise nil.
func formError(err error) *models.Error {
	invalid := new(models.Error)
	if !errors.As(err, &invalid) || invalid.Kind != models.Invalid && invalid.Kind != models.FailedPrecondition {
		return nil
	}
	return invalid
}

// formErrors returns the errors of a form's fields, or a message about the form as a whole.
func formErrors(invalid *models.Error) (models.Fields, string) {
	if len(invalid.Fields) > 0 {
		return invalid.Fields, ""
	}
	return nil, invalid.Message
}

// redirectWithNotice redirects to a page that shows a notice.
func redirectWithNotice(c echo.Context, url, notice string) error {
	if err := web.SetNotice(c, notice); err != nil {
		return err
	}
	return web.Redirect(c, url)
}

// listURL returns base with the search and the filters of the list from which a form was sent.
func listURL(c echo.Context, base string) string {
	from, err := url.Parse(c.Request().Referer())
	if err != nil || from.Path != base {
		return base
	}
	return web.LocalURL(from.RequestURI())
}
