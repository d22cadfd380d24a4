package web

import (
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/viewer"
)

// SetTheme stores the theme in the browser, so that it also applies before sign-in.
func SetTheme(c echo.Context, theme viewer.Theme) { setPreference(c, themeCookie, string(theme)) }

// SetTimes stores in the browser how pages show times.
func SetTimes(c echo.Context, times viewer.Times) { setPreference(c, timesCookie, string(times)) }

// SetDensity stores in the browser how much room a row of the list of API keys takes.
func SetDensity(c echo.Context, density viewer.Density) {
	setPreference(c, densityCookie, string(density))
}

func setPreference(c echo.Context, cookie, value string) {
	options := cookieOptions(browserSessionsOf(c).publicURL, longLived)
	c.SetCookie(sessions.NewCookie(cookie, value, &options))
}

func cookieOf(c echo.Context, name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// locationOf returns the browser's time zone, or UTC if it is unknown. "Local" would be the
// server's.
func locationOf(c echo.Context) *time.Location {
	name := cookieOf(c, zoneCookie)
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return location
}
