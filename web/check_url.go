package web

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

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
		for _, values := range query {
			for _, value := range values {
				if !isText(value) {
					return &RequestError{Status: http.StatusUnprocessableEntity, Type: "validation_error",
						Message: "The query string contains invalid UTF-8 or a NUL character."}
				}
			}
		}
		return next(c)
	}
}

func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}
