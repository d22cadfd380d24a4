package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/account"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// setUp sets up the user's authenticator app, or replaces it.
func (h accounts) setUp() change[*models.User, account.SetupForm] {
	return change[*models.User, account.SetupForm]{
		subject: viewingUser,
		show: func(c echo.Context, status int, user *models.User, form account.SetupForm, r rejection) error {
			state, err := h.store.SecondFactorOf(c.Request().Context(), user.ID)
			if err != nil {
				return err
			}
			form.Replaces, form.Errors, form.Message = state.HasApp(), r.fields, r.message
			if !state.IsOn() {
				form.Workspaces = requiring(c)
			}
			if form.Setup, err = h.store.SecondFactorSetup(user, form.Sealed); err != nil { // none yet, or expired
				form.Setup, err = h.store.NewSecondFactorSetup(user)
			}
			if rejected, is := rejectionOf(err); is {
				return web.Render(c, http.StatusOK, account.CannotSetUp(rejected.message))
			}
			if err != nil {
				return err
			}
			return web.Render(c, status, account.SetUp(form))
		},
		apply: func(c echo.Context, form account.SetupForm) (next, error) {
			ctx := c.Request().Context()
			codes, err := h.store.SetSecondFactor(ctx, viewer.Of(ctx).User.ID, form.Sealed, form.Code)
			if err != nil || codes == nil {
				return next{"Authenticator app set up", path.Account}, err
			}
			return next{}, web.Render(c, http.StatusCreated, account.Codes(account.CodesPage{Title: "Second factor set up", Codes: codes}))
		},
	}
}

// removeApp removes the user's authenticator app.
func (h accounts) removeApp() change[*models.User, struct{}] {
	return change[*models.User, struct{}]{
		subject: viewingUser,
		show: func(c echo.Context, status int, user *models.User, _ struct{}, r rejection) error {
			state, err := h.store.SecondFactorOf(c.Request().Context(), user.ID)
			if err != nil {
				return err
			}
			return web.Render(c, status, account.RemoveApp(r.message, len(state.Passkeys) > 0, requiring(c)))
		},
		apply: func(c echo.Context, _ struct{}) (next, error) {
			ctx := c.Request().Context()
			return next{"Authenticator app removed", path.Account}, h.store.RemoveAuthenticatorApp(ctx, viewer.Of(ctx).User)
		},
	}
}

// replaceCodes creates new recovery codes for the user and shows them once.
func (h accounts) replaceCodes() change[*models.User, struct{}] {
	return change[*models.User, struct{}]{
		subject: viewingUser,
		show: func(c echo.Context, status int, _ *models.User, _ struct{}, r rejection) error {
			return web.Render(c, status, account.ReplaceCodes(r.message))
		},
		apply: func(c echo.Context, _ struct{}) (next, error) {
			ctx := c.Request().Context()
			codes, err := h.store.ReplaceRecoveryCodes(ctx, viewer.Of(ctx).User.ID)
			if err != nil {
				return next{}, err
			}
			return next{}, web.Render(c, http.StatusCreated, account.Codes(account.CodesPage{Title: "New recovery codes", Codes: codes}))
		},
	}
}

// requiring returns the names of the user's workspaces that require a second factor.
func requiring(c echo.Context) (names []string) {
	for _, member := range viewer.Of(c.Request().Context()).Memberships {
		if member.Workspace.KeyPolicy.SecondFactorRequired {
			names = append(names, member.Workspace.Name)
		}
	}
	return names
}
