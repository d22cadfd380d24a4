package dashboard

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// in returns the workspace of a page.
func in(c echo.Context) path.Workspace { return path.In(c.Request().Context()) }

// redirectWithNotice redirects to a page that shows a notice.
func redirectWithNotice(c echo.Context, url, notice string) error {
	if err := web.SetNotice(c, url, notice); err != nil {
		return err
	}
	return web.Redirect(c, url)
}

// linkError renders what to do about a link that no longer works if err says so, and otherwise returns err. Page
// returns the page with a message that says why.
func linkError(c echo.Context, err error, page func(message string) templ.Component) error {
	gone, is := errors.AsType[*models.Error](err)
	if !is || gone.Kind != models.NotFound {
		return err
	}
	return web.Render(c, http.StatusNotFound, page(gone.Message))
}

// statusOf returns the status of the response to a rejected form. If there were too many attempts, it tells the
// client how long to wait.
func statusOf(c echo.Context, rejected *models.Error) int {
	if rejected.Kind != models.RateLimited {
		return http.StatusUnprocessableEntity
	}
	setRetryAfter(c, rejected)
	return http.StatusTooManyRequests
}

// setRetryAfter tells the client how long to wait.
func setRetryAfter(c echo.Context, limited *models.Error) {
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(limited.RetryAfter.Seconds()))))
}

// listURL returns base with the search and the filters of the list from which a form was sent.
func listURL(c echo.Context, base string) string {
	from, err := url.Parse(c.Request().Referer())
	if err != nil || from.Path != base {
		return base
	}
	return web.LocalURL(from.RequestURI())
}

// invalidNumber is a number that the Store rejects.
const invalidNumber = -1

// numberOf returns the number in an optional field, which can't be 0, or 0 if the field is empty.
func numberOf(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return invalidNumber
	}
	return n
}
