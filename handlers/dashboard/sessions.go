package dashboard

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/login"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// sessions is signing in and out, and what a browser's session shows.
type sessions struct{ store *models.Store }

// ask shows the sign-in page; who is signed in already goes on at once.
func (h sessions) ask(c echo.Context) error {
	ctx := c.Request().Context()
	next := web.LocalURL(c.QueryParam("next"))
	if viewer.Of(ctx).User != nil {
		return web.Redirect(c, next)
	}
	needed, err := h.store.NeedsSetUp(ctx)
	if err != nil {
		return err
	}
	if needed {
		return models.Errorf(models.NotFound, "Nobody has set this installation up yet. Open the set-up link that the server printed when it started.")
	}
	return web.Render(c, http.StatusOK, login.SignIn(login.Form{Next: next}))
}

func (h sessions) create(c echo.Context) error {
	var form login.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	form.Next = web.LocalURL(form.Next)
	in, err := h.store.SignIn(c.Request().Context(), web.SessionID(c), models.Credentials{
		Email: form.Email, Password: form.Password, Device: web.Device(c),
	})
	if refusal := new(models.Error); errors.As(err, &refusal) {
		return h.refuse(c, form, refusal)
	}
	if err != nil {
		return err
	}
	if err := web.SignedIn(c, in); err != nil {
		return err
	}
	return web.Redirect(c, form.Next)
}

// refuse shows the sign-in page again, with what was typed but the password.
func (h sessions) refuse(c echo.Context, form login.Form, refusal *models.Error) error {
	form.Error, form.RetryAfter = refusal.Message, refusal.RetryAfter
	if refusal.Kind != models.RateLimited {
		return web.Render(c, http.StatusUnprocessableEntity, login.SignIn(form))
	}
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	return web.Render(c, http.StatusTooManyRequests, login.SignIn(form))
}

func (h sessions) delete(c echo.Context) error {
	look := viewer.Of(c.Request().Context())
	if err := h.store.SignOut(c.Request().Context(), workspaceOf(look), web.SessionID(c), look.User); err != nil {
		return err
	}
	if err := web.SignedOut(c); err != nil {
		return err
	}
	return web.Redirect(c, path.SignIn)
}

// switchWorkspace shows another of the user's workspaces. One that the user is not in is not
// found, like one that does not exist.
func (h sessions) switchWorkspace(c echo.Context) error {
	var form struct {
		WorkspaceID string `form:"workspace_id"`
		Next        string `form:"next"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	for _, member := range viewer.Of(c.Request().Context()).Memberships {
		if member.WorkspaceID != form.WorkspaceID {
			continue
		}
		if err := web.SetWorkspace(c, member.WorkspaceID); err != nil {
			return err
		}
		return web.Redirect(c, web.LocalURL(form.Next))
	}
	return models.Errorf(models.NotFound, "There is no such workspace among yours.")
}

func (h sessions) setTheme(c echo.Context) error {
	var form struct {
		Theme string `form:"theme"`
		Next  string `form:"next"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	web.SetTheme(c, viewer.ParseTheme(form.Theme))
	return web.Redirect(c, web.LocalURL(form.Next))
}

// workspaceOf is the workspace that look shows, empty if none.
func workspaceOf(look viewer.Viewer) string {
	if look.Member == nil {
		return ""
	}
	return look.Member.WorkspaceID
}
