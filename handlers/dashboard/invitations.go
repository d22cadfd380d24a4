package dashboard

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/invitation"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// invitations is the page that the link of an invitation opens.
type invitations struct{ store *models.Store }

// ask shows the form. It changes nothing, so that a mail program that looks at the link first
// does not use it up.
func (h invitations) ask(c echo.Context) error {
	invited, err := h.store.Invitation(c.Request().Context(), c.Param("token"))
	if err != nil {
		return h.refuse(c, err)
	}
	if !invited.NeedsAccount() {
		return askAccount(c, http.StatusOK, invited)
	}
	return web.Render(c, http.StatusOK, invitation.Accept(formOf(invited)))
}

// askAccount shows who is to sign in, and to join with the account that they have.
func askAccount(c echo.Context, status int, invited *models.Invitation) error {
	member := invited.Member
	page := invitation.Account{Token: invited.Token, Workspace: member.Workspace.Name, Email: member.User.Email}
	if user := viewer.Of(c.Request().Context()).User; user != nil {
		page.SignedIn = user.Email
	}
	return web.Render(c, status, invitation.AcceptAs(page))
}

func formOf(invited *models.Invitation) invitation.Form {
	member := invited.Member
	return invitation.Form{Token: invited.Token, Workspace: member.Workspace.Name, Email: member.User.Email, Name: member.User.Name}
}

// accept makes the person a member: with a name and a password, which signs in, or with the
// account that they have and are signed in with.
func (h invitations) accept(c echo.Context) error {
	ctx := c.Request().Context()
	invited, err := h.store.Invitation(ctx, c.Param("token"))
	if err != nil {
		return h.refuse(c, err)
	}
	if !invited.NeedsAccount() {
		return h.acceptAs(c, invited)
	}
	form := formOf(invited)
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.AcceptInvitation(ctx, form.Token, form.Name, form.Password)
	if fields, refused := models.FieldsOf(err); refused {
		form.Errors = fields
		return web.Render(c, http.StatusUnprocessableEntity, invitation.Accept(form))
	}
	if err != nil {
		return h.refuse(c, err)
	}
	if err := h.store.DeleteSession(ctx, web.SessionID(c)); err != nil { // of whoever was signed in before
		return err
	}
	in, err := h.store.SignInNew(ctx, member)
	if err != nil {
		return err
	}
	if err := web.SignedIn(c, in); err != nil {
		return err
	}
	return web.Redirect(c, path.Root)
}

func (h invitations) acceptAs(c echo.Context, invited *models.Invitation) error {
	user := viewer.Of(c.Request().Context()).User
	if user == nil || user.ID != invited.Member.UserID {
		return askAccount(c, http.StatusForbidden, invited)
	}
	member, err := h.store.AcceptInvitationAs(c.Request().Context(), invited.Token, user.ID)
	if err != nil {
		return h.refuse(c, err)
	}
	if err := web.SetWorkspace(c, member.WorkspaceID); err != nil {
		return err
	}
	return web.Redirect(c, path.Root)
}

// refuse says of a link that opens nothing what to do.
func (h invitations) refuse(c echo.Context, err error) error {
	refusal := new(models.Error)
	if !errors.As(err, &refusal) || refusal.Kind != models.NotFound {
		return err
	}
	return web.Render(c, http.StatusNotFound, invitation.Over(refusal.Message))
}
