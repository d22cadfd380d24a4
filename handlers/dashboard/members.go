package dashboard

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/members"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// membersHandler serves Settings > Members.
type membersHandler struct{ store *models.Store }

func (h membersHandler) list(c echo.Context) error {
	query, err := ui.ParseListQuery(path.Members, c.QueryParams(), members.Filters...)
	if err != nil {
		return err
	}
	list, err := h.store.MemberList(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.MemberListFilter{
		Search: query.Search(), Role: models.Role(query.Get("role")), State: models.MemberState(query.Get("status")),
		PageNumber: query.Page(), PageSize: members.PageSize,
	})
	if err != nil {
		return err
	}
	page := members.ListPage{Query: query, List: list}
	if last := page.Pages().Last; query.Page() > last {
		return web.Redirect(c, query.OnPage(last).URL())
	}
	return web.Render(c, http.StatusOK, members.List(page))
}

func (h membersHandler) new(c echo.Context) error {
	return h.form(c, http.StatusOK, members.Form{Role: string(models.RoleMember)})
}

func (h membersHandler) form(c echo.Context, status int, form members.Form) error {
	form.SendsEmail = h.store.SendsEmail()
	return web.Render(c, status, members.New(form))
}

// create adds a member. Someone new is invited by email, or with a link that is shown once if the
// server doesn't send email.
func (h membersHandler) create(c echo.Context) error {
	var form members.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.AddMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewMember{
		Email: form.Email, Name: form.Name, Role: models.Role(form.Role),
	})
	if invalid := formError(err); invalid != nil {
		form.Errors, form.Message = formErrors(invalid)
		return h.form(c, http.StatusUnprocessableEntity, form)
	}
	switch {
	case err != nil:
		return err
	case !member.Pending:
		return h.done(c, "Reactivated "+member.DisplayName())
	case h.store.SendsEmail():
		return h.done(c, "Invitation sent to "+member.User.Email)
	}
	return h.showLink(c, member.ID, false)
}

// createLink creates an invitation link for a pending member and shows it once. It doesn't redirect,
// because the link can't be retrieved later.
func (h membersHandler) createLink(c echo.Context) error { return h.showLink(c, c.Param("id"), true) }

func (h membersHandler) showLink(c echo.Context, id string, replaces bool) error {
	invited, err := h.store.InviteMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, id)
	if err != nil {
		return h.showError(c, id, err)
	}
	return web.Render(c, http.StatusCreated, members.Invited(members.InvitedPage{
		Member: invited.Member, ExpiresAt: invited.ExpiresAt, Replaces: replaces,
		Link: viewer.Of(c.Request().Context()).PublicURL + path.Invitation(invited.Token),
	}))
}

// resendEmail sends the invitation email of a pending member again.
func (h membersHandler) resendEmail(c echo.Context) error {
	if err := h.store.EmailInvitation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")); err != nil {
		return h.showError(c, c.Param("id"), err)
	}
	return h.done(c, "Invitation resent. The previous link no longer works.")
}

func (h membersHandler) show(c echo.Context) error {
	return h.page(c, http.StatusOK, c.Param("id"), members.ShowPage{})
}

// page completes page with a member and renders it.
func (h membersHandler) page(c echo.Context, status int, id string, page members.ShowPage) error {
	member, err := h.store.ListedMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, id)
	if err != nil {
		return err
	}
	page.Member, page.SendsEmail, page.Self = member, h.store.SendsEmail(), isSelf(c, id)
	page.Role = cmp.Or(page.Role, string(member.Role))
	return web.Render(c, status, members.Show(page))
}

func (h membersHandler) changeRole(c echo.Context) error {
	var form struct {
		Role string `form:"role"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.ChangeMemberRole(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), models.Role(form.Role))
	if invalid := formError(err); invalid != nil {
		return h.page(c, http.StatusUnprocessableEntity, c.Param("id"), members.ShowPage{Role: form.Role, Message: invalid.Message})
	}
	if err != nil {
		return err
	}
	return h.doneWith(c, member, member.DisplayName()+" is now "+members.RoleWithArticle(member.Role))
}

func (h membersHandler) confirmDeactivate(c echo.Context) error {
	return h.deactivatePage(c, http.StatusOK, "")
}

func (h membersHandler) deactivatePage(c echo.Context, status int, message string) error {
	member, err := h.store.ListedMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return err
	}
	return web.Render(c, status, members.Deactivate(members.DeactivatePage{Member: member, Message: message, Self: isSelf(c, member.ID)}))
}

func (h membersHandler) deactivate(c echo.Context) error {
	member, err := h.store.DeactivateMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if invalid := formError(err); invalid != nil {
		return h.deactivatePage(c, http.StatusUnprocessableEntity, invalid.Message)
	}
	if err != nil {
		return err
	}
	return h.doneWith(c, member, "Deactivated "+member.DisplayName())
}

func (h membersHandler) reactivate(c echo.Context) error {
	member, err := h.store.ReactivateMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return h.showError(c, c.Param("id"), err)
	}
	return h.done(c, "Reactivated "+member.DisplayName())
}

// done redirects to the list with a notice.
func (h membersHandler) done(c echo.Context, notice string) error {
	return redirectWithNotice(c, listURL(c, path.Members), notice)
}

// doneWith redirects after member was changed. Viewers who have lost admin access leave the members
// pages.
func (h membersHandler) doneWith(c echo.Context, member *models.Member, notice string) error {
	if isSelf(c, member.ID) && !member.IsAdmin() {
		return redirectWithNotice(c, path.Root, notice)
	}
	return h.done(c, notice)
}

// showError renders the page of a member with an error that concerns its status.
func (h membersHandler) showError(c echo.Context, id string, err error) error {
	if invalid := formError(err); invalid != nil {
		return h.page(c, http.StatusUnprocessableEntity, id, members.ShowPage{Message: invalid.Message})
	}
	return err
}

func isSelf(c echo.Context, memberID string) bool { return web.CallerOf(c).Member.ID == memberID }
