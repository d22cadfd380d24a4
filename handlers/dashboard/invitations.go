package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/invitation"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// invitationsHandler serves the page that an invitation link opens.
type invitationsHandler struct{ store *models.Store }

// show renders the form. It changes nothing, because email programs may open the link first.
func (h invitationsHandler) show(c echo.Context) error {
	invited, err := h.store.Invitation(c.Request().Context(), c.Param("token"))
	if err != nil {
		return linkError(c, err, invitation.Invalid)
	}
	if !invited.NeedsAccount() {
		return acceptAsPage(c, http.StatusOK, invited)
	}
	return web.Render(c, http.StatusOK, invitation.Accept(formOf(invited)))
}

// acceptAsPage renders the page for someone who already has an account.
func acceptAsPage(c echo.Context, status int, invited *models.Invitation) error {
	member := invited.Member
	page := invitation.Account{Token: invited.Token, Workspace: member.Workspace.Name, Email: member.User.Email}
	if user := viewer.Of(c.Request().Context()).User; user != nil {
		page.SignedIn = user.Email
	}
	return web.Render(c, status, invitation.AcceptAs(page))
}

func formOf(invited *models.Invitation) invitation.Form {
	member := invited.Member
	return invitation.Form{Token: invited.Token, Workspace: member.Workspace.Name, Email: member.User.Email, Name: member.InvitedName}
}

// accept makes the invited person a member, with a new account or with the one they are signed in to.
func (h invitationsHandler) accept(c echo.Context) error {
	ctx := c.Request().Context()
	invited, err := h.store.Invitation(ctx, c.Param("token"))
	if err != nil {
		return linkError(c, err, invitation.Invalid)
	}
	if !invited.NeedsAccount() {
		return h.acceptAs(c, invited)
	}
	form := formOf(invited)
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.AcceptInvitation(ctx, form.Token, form.Name, form.Password)
	if fields, invalid := models.FieldsOf(err); invalid {
		form.Errors = fields
		return web.Render(c, http.StatusUnprocessableEntity, invitation.Accept(form))
	}
	if err != nil {
		return linkError(c, err, invitation.Invalid)
	}
	if err := h.store.DeleteSession(ctx, web.SessionID(c)); err != nil { // of anyone signed in before
		return err
	}
	in, err := h.store.SignInNew(ctx, member)
	if err != nil {
		return err
	}
	return web.SignedIn(c, in, path.Workspace(member.WorkspaceID).APIKeys())
}

func (h invitationsHandler) acceptAs(c echo.Context, invited *models.Invitation) error {
	user := viewer.Of(c.Request().Context()).User
	if user == nil || user.ID != invited.Member.UserID {
		return acceptAsPage(c, http.StatusForbidden, invited)
	}
	member, err := h.store.AcceptInvitationAs(c.Request().Context(), invited.Token, user.ID)
	if err != nil {
		return linkError(c, err, invitation.Invalid)
	}
	return web.Redirect(c, path.Workspace(member.WorkspaceID).APIKeys())
}
