package web

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
)

// mergeSlashes removes extra slashes before the path of the API, which result from a base URL that ends
// with one.
func mergeSlashes(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if strings.HasPrefix(u.Path, "//") && strings.HasPrefix("/"+strings.TrimLeft(u.Path, "/"), APIPrefix+"/") {
			u.Path, u.RawPath = "/"+strings.TrimLeft(u.Path, "/"), ""
		}
		return next(c)
	}
}

// checkURL rejects a URL with invalid UTF-8 or a NUL character, so that neither reaches the
// database. Nothing can have such a name, so a path with either returns 404.
func checkURL(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		requested := c.Request().URL
		if !isText(requested.Path) {
			return echo.ErrNotFound
		}
		query, err := url.ParseQuery(requested.RawQuery)
		if err != nil {
			return &RequestError{Status: http.StatusBadRequest, Type: "invalid_request",
				Message: "The query string can't be parsed. Encode % as %25."}
		}
		for name, values := range query {
			for _, value := range append(values, name) {
				if !isText(value) {
					if !isText(name) {
						name = "query"
					}
					return &models.Error{Kind: models.Invalid, Message: "The query string contains invalid UTF-8 or a NUL character.",
						Fields: models.Fields{name: "must not contain invalid UTF-8 or a NUL character"}}
				}
			}
		}
		return next(c)
	}
}

func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}

// removeKeys redirects a request for a page with API keys in its URL, such as one that was pasted into
// a search field, to the URL with the IDs of the keys. So no key stays in the address bar, the history,
// or the log of a proxy that sees the next request.
func removeKeys(store *models.Store) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			request := c.Request()
			if request.Method != http.MethodGet && request.Method != http.MethodHead {
				return next(c)
			}
			caller, _ := findCaller(c)
			var found bool
			var failed error
			name := func(text string) string {
				named, err := store.NameKeys(request.Context(), caller.WorkspaceID, text)
				found, failed = found || named != text, errors.Join(failed, err)
				return named
			}
			to := url.URL{Path: path.Clean(name(request.URL.Path))} // "//" at its start would name a host
			query := url.Values{}
			for parameter, values := range c.QueryParams() {
				for _, value := range values {
					query.Add(name(parameter), name(value))
				}
			}
			switch {
			case failed != nil:
				return failed
			case !found:
				return next(c)
			}
			to.RawQuery = query.Encode()
			return c.Redirect(http.StatusSeeOther, to.String())
		}
	}
}
