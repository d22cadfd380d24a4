package dashboard

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

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
