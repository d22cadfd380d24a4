package dashboard

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/account"
	"github.com/skipup/keys/views/login"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// relyingParty returns the relying party of this deployment, or nil if passkeys don't work at its public URL.
func relyingParty(c echo.Context) *models.RelyingParty {
	return models.RelyingPartyOf(viewer.Of(c.Request().Context()).PublicURL)
}

// sendOptions sends a script what the browser needs to ask for a passkey.
func sendOptions(c echo.Context, options []byte, err error) error {
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, options)
}

// passkeyOptions sends what the browser needs to sign in with a passkey.
func (h sessions) passkeyOptions(c echo.Context) error {
	options, err := h.store.SignInPasskeyOptions(c.Request().Context(), relyingParty(c), web.Browser(c))
	return sendOptions(c, options, err)
}

// enterPasskey signs in with a passkey.
func (h sessions) enterPasskey(c echo.Context) error {
	var form login.PasskeyForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	form.Next = web.LocalURL(form.Next)
	in, err := h.store.SignInWithPasskey(c.Request().Context(), relyingParty(c), web.SessionID(c), web.Browser(c), web.Device(c), form.Passkey)
	if rejection, is := errors.AsType[*models.Error](err); is {
		return h.reject(c, login.Form{Next: form.Next}, rejection)
	}
	if err != nil {
		return err
	}
	return web.SignedIn(c, in, form.Next)
}

// codeOptions sends what the browser needs to complete a sign-in with a passkey.
func (h sessions) codeOptions(c echo.Context) error {
	options, err := h.store.PendingPasskeyOptions(c.Request().Context(), relyingParty(c), web.PendingSignIn(c))
	return sendOptions(c, options, err)
}

// passkeyOptions sends what the browser needs to create a passkey for the user.
func (h accounts) passkeyOptions(c echo.Context) error {
	ctx := c.Request().Context()
	options, err := h.store.NewPasskeyOptions(ctx, relyingParty(c), viewer.Of(ctx).User.ID, web.SessionID(c))
	return sendOptions(c, options, err)
}

// proofOptions sends what the browser needs to prove with a passkey who the user is.
func (h accounts) proofOptions(c echo.Context) error {
	ctx := c.Request().Context()
	options, err := h.store.ProofPasskeyOptions(ctx, relyingParty(c), viewer.Of(ctx).User.ID, web.SessionID(c))
	return sendOptions(c, options, err)
}

// addPasskey adds a passkey that the browser has created.
func (h accounts) addPasskey() change[*models.User, account.PasskeyForm] {
	return change[*models.User, account.PasskeyForm]{
		subject: viewingUser,
		show: func(c echo.Context, status int, _ *models.User, form account.PasskeyForm, r rejection) error {
			if relyingParty(c) == nil {
				return web.Render(c, http.StatusOK, account.CannotAddPasskey())
			}
			if c.Request().Method == http.MethodGet {
				form.Name = ui.Device(c.Request().UserAgent())
			}
			if r.message != "" {
				form.Answer = "" // it can't be used again
			}
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, account.AddPasskey(form))
		},
		apply: func(c echo.Context, form account.PasskeyForm) (next, error) {
			ctx := c.Request().Context()
			codes, err := h.store.AddPasskey(ctx, relyingParty(c), viewer.Of(ctx).User.ID, web.SessionID(c), form.Name, form.Answer)
			if err != nil || codes == nil {
				return next{"Passkey added", path.Account}, err
			}
			return next{}, web.Render(c, http.StatusCreated, account.Codes(account.CodesPage{Title: "Passkey added", Codes: codes}))
		},
	}
}

// passkey returns the passkey in the URL.
func (h accounts) passkey(c echo.Context) (*models.Passkey, error) {
	ctx := c.Request().Context()
	return h.store.Passkey(ctx, viewer.Of(ctx).User.ID, c.Param("id"))
}

// renamePasskey renames a passkey of the user.
func (h accounts) renamePasskey() change[*models.Passkey, account.PasskeyForm] {
	return change[*models.Passkey, account.PasskeyForm]{
		subject: h.passkey,
		form:    func(passkey *models.Passkey) account.PasskeyForm { return account.PasskeyForm{Name: passkey.Name} },
		show: func(c echo.Context, status int, passkey *models.Passkey, form account.PasskeyForm, r rejection) error {
			form.ID, form.Errors, form.Message = passkey.ID, r.fields, r.message
			return web.Render(c, status, account.RenamePasskey(form))
		},
		apply: func(c echo.Context, form account.PasskeyForm) (next, error) {
			ctx := c.Request().Context()
			return next{"Passkey renamed", path.Account}, h.store.RenamePasskey(ctx, viewer.Of(ctx).User, c.Param("id"), form.Name)
		},
	}
}

// removePasskey removes a passkey of the user.
func (h accounts) removePasskey() change[*models.Passkey, struct{}] {
	return change[*models.Passkey, struct{}]{
		subject: h.passkey,
		show: func(c echo.Context, status int, passkey *models.Passkey, _ struct{}, r rejection) error {
			state, err := h.store.SecondFactorOf(c.Request().Context(), passkey.UserID)
			if err != nil {
				return err
			}
			isLast := !state.HasApp() && len(state.Passkeys) == 1
			return web.Render(c, status, account.RemovePasskey(passkey, r.message, isLast, requiring(c)))
		},
		apply: func(c echo.Context, _ struct{}) (next, error) {
			ctx := c.Request().Context()
			return next{"Passkey removed", path.Account}, h.store.RemovePasskey(ctx, viewer.Of(ctx).User, c.Param("id"))
		},
	}
}

// rejectedCode returns why a code or the answer of a passkey was rejected.
func rejectedCode(rejected *models.Error) string {
	return cmp.Or(rejected.Fields.Sentence("code", "This code"), rejected.Fields.Sentence("password", "The password"), rejected.Message)
}
