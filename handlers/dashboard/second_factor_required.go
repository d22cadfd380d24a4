package dashboard

import (
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// requireSecondFactor returns the handler of a route in a workspace, which leads members without a second factor
// to its setup if the workspace requires one and the provider of single sign-on didn't ask for one.
func (h proofs) requireSecondFactor(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := viewer.Of(c.Request().Context())
		if !v.Member.Workspace.KeyPolicy.SecondFactorRequired || web.HasProviderSecondFactor(c) {
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
