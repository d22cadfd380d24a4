package dashboard

import (
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// outsideWorkspace are the beginnings of the paths of pages that show and change nothing in a workspace.
var outsideWorkspace = []string{
	path.Account, path.ConfirmEmail, path.SignIn, path.SignOut, path.ForgotPassword, path.ResetPassword, path.SetUp, path.Invitations,
	path.CurrentWorkspace, path.Appearance, path.Docs,
}

// requireSecondFactor returns the handler of a route, which leads members without a second factor to its setup if
// the current workspace requires one and the provider of single sign-on didn't ask for one.
func (h proofs) requireSecondFactor(route string, next echo.HandlerFunc) echo.HandlerFunc {
	if slices.ContainsFunc(outsideWorkspace, func(start string) bool { return strings.HasPrefix(route, start) }) {
		return next
	}
	return func(c echo.Context) error {
		v := viewer.Of(c.Request().Context())
		if v.Member == nil || !v.Member.Workspace.KeyPolicy.SecondFactorRequired || web.HasProviderSecondFactor(c) {
			return next(c)
		}
		has, err := h.store.HasSecondFactor(c.Request().Context(), v.User.ID)
		if err != nil {
			return err
		}
		if !has {
			return web.Redirect(c, path.SecondFactor)
		}
		return next(c)
	}
}
