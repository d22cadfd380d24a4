package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// RequireUser redirects visitors to the sign-in page, which brings them back afterwards. For a part of a
// page, it returns an error, so that a script can keep the page with what was entered on it.
func RequireUser(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch r := c.Request(); {
		case viewer.Of(r.Context()).User != nil:
			return next(c)
		case isForPart(r):
			return errSignedOut
		case r.Method == http.MethodGet, r.Method == http.MethodHead:
			return Redirect(c, path.SignInAnd(r.URL.RequestURI()))
		default:
			return Redirect(c, path.SignInAgain(PageOfForm(r), path.FormNotSent))
		}
	}
}

// PageOfForm returns the URL of the page from which a form was sent, or that of the root.
func PageOfForm(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return path.Root
	}
	return LocalURL(from.RequestURI())
}

// returnTo returns the URL of the page to return to after signing in, or "" if the request is for
// neither a page nor a part of one.
func returnTo(r *http.Request) string {
	switch shown, err := url.Parse(r.Header.Get("HX-Current-URL")); {
	case isForPart(r) && err == nil:
		return shown.RequestURI()
	case isForPart(r), r.Method != http.MethodGet && r.Method != http.MethodHead:
		return ""
	}
	return r.URL.RequestURI()
}

// ReplacedPart returns the ID of the part of the current page that htmx replaces with the response, or "".
func ReplacedPart(c echo.Context) string {
	_, id, _ := strings.Cut(c.Request().Header.Get("HX-Target"), "#")
	return id
}

// RequireMember returns 404 to those who don't belong to the workspace that the path names, as if it didn't exist.
// The session remembers the workspace of the last page that a member opened.
func RequireMember(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		member := viewer.Of(c.Request().Context()).Member
		if member == nil {
			return echo.ErrNotFound
		}
		if c.Request().Method == http.MethodGet && !ForPart(c) {
			if err := rememberWorkspace(c, member.WorkspaceID); err != nil {
				return err
			}
		}
		return next(c)
	}
}

func rememberWorkspace(c echo.Context, id string) error {
	session, err := browserSessionsOf(c).session(c)
	if err != nil {
		return err
	}
	if last := rowOf(session).WorkspaceID; last != nil && *last == id {
		return nil
	}
	return changeSession(c, func(store *models.Store, session string) error {
		return store.UseWorkspace(c.Request().Context(), session, id)
	})
}

// Require returns middleware that rejects members without a permission in the workspace.
func Require(permission models.Permission) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !May(c, permission) {
				return permissionError{permission}
			}
			return next(c)
		}
	}
}

var errSignedOut = errors.New("sign in first")

// permissionError rejects a caller who lacks a permission.
type permissionError struct{ permission models.Permission }

func (e permissionError) Error() string {
	return "the caller lacks the permission " + string(e.permission)
}

// May reports whether the caller has a permission in the current workspace.
func May(c echo.Context, permission models.Permission) bool {
	return viewer.Of(c.Request().Context()).May(permission)
}
