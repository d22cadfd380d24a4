package web

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// CheckAddress refuses an address that holds bytes which are no text, so that none of them
// reaches a query. Nothing has such a name, so a path with them is not found.
func CheckAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		address := c.Request().URL
		if !isText(address.Path) {
			return echo.ErrNotFound
		}
		query, err := url.ParseQuery(address.RawQuery)
		if err != nil {
			return &RequestError{Status: http.StatusBadRequest, Type: "invalid_request",
				Message: "The query of the address cannot be parsed; see that % is written as %25."}
		}
		for _, values := range query {
			for _, value := range values {
				if !isText(value) {
					return &RequestError{Status: http.StatusUnprocessableEntity, Type: "validation_error",
						Message: "The query of the address has text that is not valid UTF-8, or a NUL character."}
				}
			}
		}
		return next(c)
	}
}

func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}
