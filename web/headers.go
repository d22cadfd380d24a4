package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// MaxBody is the most that a request's body may hold, in bytes.
const MaxBody = 64 << 10

// contentSecurityPolicy lets a page load only what this server serves, and run nothing that
// stands in the page itself.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secureHeaders are those of every answer. Nothing is stored by default: pages show what only
// the person signed in may see, and answers of the API what only the key may.
func secureHeaders(publicURL string) echo.MiddlewareFunc {
	https := isHTTPS(publicURL)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set(echo.HeaderXContentTypeOptions, "nosniff")
			h.Set(echo.HeaderCacheControl, "no-store")
			h.Set(echo.HeaderReferrerPolicy, "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			if https {
				h.Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
			}
			if !isAPI(c.Request()) {
				h.Set(echo.HeaderContentSecurityPolicy, contentSecurityPolicy)
				h.Set(echo.HeaderXFrameOptions, "DENY")
				h.Set("Cross-Origin-Opener-Policy", "same-origin")
				h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
			}
			return next(c)
		}
	}
}

// limitBody makes reading more than MaxBody of a body an error. It is found when the body is
// read, so that who may not call at all hears that first. See TakesUploads.
func limitBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		r.Body = limitedBody{http.MaxBytesReader(c.Response(), r.Body, MaxBody), r.Body}
		return next(c)
	}
}

// refuseCrossSite refuses what another site makes a browser send, by fetch metadata and
// Origin. The API needs no such protection: it never looks at a cookie.
func refuseCrossSite(publicURL string) echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(publicURL); err != nil {
		panic("the public URL must be scheme://host: " + err.Error())
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if isAPI(c.Request()) {
				return next(c)
			}
			if err := protection.Check(c.Request()); err != nil {
				return errCrossSite
			}
			return next(c)
		}
	}
}

// isAPI reports whether r is for the API, so that its answers are JSON.
func isAPI(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
}

func isHTTPS(publicURL string) bool { return strings.HasPrefix(publicURL, "https://") }
