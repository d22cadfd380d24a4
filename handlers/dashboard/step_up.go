package dashboard

import (
	"errors"
	"maps"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/proof"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// endpoint is the method and the path of a route.
type endpoint struct{ method, path string }

// stepUp are the routes for which a person must have proved recently who they are. For GET requests, these are
// forms with secrets, which aren't kept when the proof is asked for after they were sent. The value
// reports whether the form itself asks for the current password, which is enough without a second
// factor.
var stepUp = map[endpoint]bool{
	{http.MethodPost, inWorkspace.APIKeys()}:                     false,
	{http.MethodPost, inWorkspace.APIKeyBulkDelete()}:            false,
	{http.MethodPost, inWorkspace.APIKeyAccess(":id")}:           false,
	{http.MethodPost, inWorkspace.APIKeyRotation(":id")}:         false,
	{http.MethodPost, inWorkspace.APIKeyRotationFinish(":id")}:   false,
	{http.MethodPost, inWorkspace.APIKeyRotationCancel(":id")}:   false,
	{http.MethodPost, inWorkspace.APIKeyDelete(":id")}:           false,
	{http.MethodPost, inWorkspace.APIKeyScheduleDeletion(":id")}: false,

	{http.MethodPost, inWorkspace.WebhookSecret(":id")}: false,

	{http.MethodPost, inWorkspace.Members()}:                 false,
	{http.MethodPost, inWorkspace.MemberRole(":id")}:         false,
	{http.MethodPost, inWorkspace.MemberDeactivate(":id")}:   false,
	{http.MethodPost, inWorkspace.MemberReactivate(":id")}:   false,
	{http.MethodPost, inWorkspace.MemberDetails(":id")}:      false,
	{http.MethodPost, inWorkspace.MemberResetLink(":id")}:    false,
	{http.MethodPost, inWorkspace.MemberSecondFactor(":id")}: false,
	{http.MethodPost, inWorkspace.MemberInvitation(":id")}:   false,

	{http.MethodPost, inWorkspace.Policy()}:          false,
	{http.MethodPost, inWorkspace.NewWorkspace()}:    false,
	{http.MethodPost, inWorkspace.WorkspaceDelete()}: false,

	{http.MethodPost, path.AccountDelete}:        false,
	{http.MethodGet, path.AccountEmail}:          true,
	{http.MethodPost, path.AccountEmail}:         true,
	{http.MethodPost, path.AccountPassword}:      true,
	{http.MethodGet, path.SecondFactor}:          false,
	{http.MethodPost, path.SecondFactor}:         false,
	{http.MethodPost, path.RemoveSecondFactor}:   false,
	{http.MethodPost, path.RecoveryCodes}:        false,
	{http.MethodGet, path.Passkeys}:              false,
	{http.MethodPost, path.Passkeys}:             false,
	{http.MethodPost, path.RemovePasskey(":id")}: false,
}

// secretFields are the fields that a page never repeats.
var secretFields = []string{"password", "new_password"}

// proofs asks people to prove who they are.
type proofs struct{ store *models.Store }

// require returns the handler of a route in stepUp, which first asks for a proof if the last one is too old.
func (h proofs) require(asksPassword bool, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if web.ProvedRecently(c) {
			return h.proved(c, next)
		}
		user := viewer.Of(c.Request().Context()).User
		state, err := h.store.SecondFactorOf(c.Request().Context(), user.ID)
		if err != nil {
			return err
		}
		if asksPassword && !state.IsOn() && user.HasPassword() {
			return next(c)
		}
		return h.prove(c, state, next)
	}
}

// prove continues with a request if it has a proof, and otherwise asks for one. The page repeats what was
// entered, so that the form continues with the answer.
func (h proofs) prove(c echo.Context, state models.SecondFactorState, next echo.HandlerFunc) error {
	ctx := c.Request().Context()
	var form struct {
		Entered string `form:"proof"`
		Passkey string `form:"proof_passkey"`
		Next    string `form:"proof_next"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	v, page := viewer.Of(ctx), h.pageOf(c)
	page.SecondFactor, page.App = state.IsOn(), state.HasApp()
	page.Passkey = len(state.Passkeys) > 0 && relyingParty(c) != nil
	page.Provided = !state.IsOn() && web.IsProvided(c) && v.Provider != ""
	if !c.Request().PostForm.Has(proof.EnteredField) {
		return web.Render(c, http.StatusForbidden, proof.Ask(page))
	}
	page.Next = form.Next
	if page.Provided {
		page.Error = "Confirm it’s you with " + v.Provider + " first."
		return web.Render(c, http.StatusUnprocessableEntity, proof.Ask(page))
	}
	var err error
	if form.Passkey != "" {
		err = h.store.ProveWithPasskey(ctx, relyingParty(c), v.User, web.SessionID(c), form.Passkey)
	} else {
		err = h.store.Prove(ctx, v.User, web.SessionID(c), web.Device(c), form.Entered)
	}
	if err == nil {
		return h.proved(c, next)
	}
	rejected, is := errors.AsType[*models.Error](err)
	if !is {
		return err
	}
	page.Error, page.RetryAfter = rejectedCode(rejected), rejected.RetryAfter
	return web.Render(c, statusOf(c, rejected), proof.Ask(page))
}

// proved continues with a request after a proof, or opens the page that follows if the request can't be repeated.
func (h proofs) proved(c echo.Context, next echo.HandlerFunc) error {
	var form struct {
		Next string `form:"proof_next"`
	}
	if c.Request().Method == http.MethodPost {
		if err := web.BindForm(c, &form); err != nil {
			return err
		}
	}
	switch {
	case form.Next == c.Request().URL.RequestURI(): // in the dialog, if it is in one
		return c.Redirect(http.StatusSeeOther, web.LocalURL(form.Next))
	case form.Next != "":
		return web.Redirect(c, web.LocalURL(form.Next))
	}
	return next(c)
}

// pageOf returns the page that delays a request.
func (h proofs) pageOf(c echo.Context) proof.Page {
	r := c.Request()
	page := proof.Page{Action: r.URL.RequestURI(), Back: web.PageOfForm(r), Fields: maps.Clone(r.PostForm)}
	if page.Fields == nil {
		page.Fields = url.Values{}
	}
	switch {
	case web.ReplacedPart(c) == "main":
		page.Into = proof.Main
	case web.ForPart(c):
		page.Into = proof.Panel
	}
	if r.Method != http.MethodPost {
		page.Next = page.Action
	}
	for _, name := range secretFields {
		if page.Fields.Has(name) {
			page.Next = page.Back
		}
		page.Fields.Del(name)
	}
	for _, name := range []string{proof.EnteredField, proof.PasskeyField, proof.NextField, "username"} {
		page.Fields.Del(name)
	}
	return page
}
