package dashboard

import (
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// requireSingleSignOn returns the handler of a route, which leads members who signed in without single sign-on to it if
// the current workspace requires it. To change their email, it is enough that one of their workspaces does: someone with
// their password could otherwise get the account with an email of their own at the provider.
func requireSingleSignOn(r route, next echo.HandlerFunc) echo.HandlerFunc {
	requires := func(m models.Member) bool { return m.Workspace.KeyPolicy.SingleSignOnRequired }
	ofAny := r.path == path.AccountEmail
	if r.access.permission == "" && !ofAny {
		return next
	}
	return func(c echo.Context) error {
		v := viewer.Of(c.Request().Context())
		needed := v.Member != nil && requires(*v.Member) || ofAny && slices.ContainsFunc(v.Memberships, requires)
		if !needed || web.IsProvided(c) {
			return next(c)
		}
		return web.Redirect(c, path.SingleSignOnNeededFor(v.ReturnTo))
	}
}
