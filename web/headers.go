package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

// contentSecurityPolicy lets a page load only from this server and forbids inline scripts.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// browserFields are the fields of secureHeaders that only browsers use.
var browserFields = [...]string{
	echo.HeaderXContentTypeOptions, echo.HeaderReferrerPolicy, "Cross-Origin-Resource-Policy", echo.HeaderStrictTransportSecurity,
}

// secureHeaders sets the headers of every response. By default nothing may be cached, because
// responses contain what only the signed-in user or the API key may see.
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
			return next(c)
		}
	}
}

// closeConnections closes each connection after its next response once the server is about to stop. The client
// then opens one that a load balancer leads to another node, and none is closed while it sends a request.
func closeConnections(stopping <-chan struct{}) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			select {
			case <-stopping:
				c.Response().Header().Set(echo.HeaderConnection, "close")
			default:
			}
			return next(c)
		}
	}
}

// pageHeaders sets the headers that only browsers use.
func pageHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderContentSecurityPolicy, contentSecurityPolicy)
		h.Set(echo.HeaderXFrameOptions, "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		return next(c)
	}
}

// KeepURLSecret keeps the URL of a page out of the Referer header of other requests, because it contains a
// token. Forms still send the origin, which rejectCrossSite checks.
func KeepURLSecret(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderReferrerPolicy, "strict-origin")
		return next(c)
	}
}

// crossSiteError reports a request that another site seems to have made a browser send.
type crossSiteError struct {
	// origin is the page's according to the browser, if it may be this server's own: it isn't the
	// public URL, and the browser doesn't say how the two are related. Otherwise it is empty.
	origin    string
	publicURL string
}

func (e *crossSiteError) Error() string { return "the request came from another site" }

// message returns what to do. If the public URL is not configured, every form fails behind a proxy that
// replaces the Host header.
func (e *crossSiteError) message() string {
	if e.origin == "" {
		return "This form came from another site. Open the page here and try again."
	}
	return fmt.Sprintf("This form came from %s, but this server’s public URL is %s. Open that URL and try again. "+
		"If people use this server at %[1]s, its operator must set SKIPUP_PUBLIC_URL to that address.", e.origin, e.publicURL)
}

// rejectCrossSite rejects requests that another site makes a browser send, by fetch metadata and
// Origin. The API doesn't need it, because it never reads a cookie.
func rejectCrossSite(publicURL string, log *slog.Logger) echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(publicURL); err != nil {
		panic("the public URL must be scheme://host: " + err.Error())
	}
	var suspected sync.Once
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if protection.Check(r) == nil {
				return next(c)
			}
			rejected := &crossSiteError{publicURL: publicURL}
			if r.Header.Get("Sec-Fetch-Site") == "" {
				rejected.origin = originOf(r)
			}
			if rejected.origin != "" {
				suspected.Do(func() {
					log.Warn("rejected a form because its origin is neither the public URL nor the Host header; "+
						"if the origin is this server's address, set --public-url (SKIPUP_PUBLIC_URL) to it",
						"origin", rejected.origin, "public_url", publicURL, "host", r.Host)
				})
			}
			return rejected
		}
	}
}

// originOf returns the Origin header of a request, or "" if it doesn't name a host.
func originOf(r *http.Request) string {
	origin, err := url.Parse(r.Header.Get(echo.HeaderOrigin))
	if err != nil || origin.Scheme != "http" && origin.Scheme != "https" || origin.Host == "" || len(origin.Host) > 255 {
		return ""
	}
	return origin.Scheme + "://" + origin.Host
}

func isHTTPS(publicURL string) bool { return strings.HasPrefix(publicURL, "https://") }
