package dashboard

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/invitation"
	"github.com/skipup/keys/views/path"
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
	return web.Render(c, http.StatusOK, invitation.Accept(formOf(invited)))
}

func formOf(invited *models.Invitation) invitation.Form {
	member := invited.Member
	return invitation.Form{Token: invited.Token, Workspace: member.Workspace.Name, Email: member.User.Email, Name: member.User.Name}
}

// accept gives the person a name and a password, and signs in.
func (h invitations) accept(c echo.Context) error {
	ctx := c.Request().Context()
	invited, err := h.store.Invitation(ctx, c.Param("token"))
	if err != nil {
		return h.refuse(c, err)
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
	return web.Redirect(c, path.Home)
}

// refuse says of a link that opens nothing what to do.
func (h invitations) refuse(c echo.Context, err error) error {
	refusal := new(models.Error)
	if !errors.As(err, &refusal) || refusal.Kind != models.NotFound {
		return err
	}
	return web.Render(c, http.StatusNotFound, invitation.Over(refusal.Message))
}
