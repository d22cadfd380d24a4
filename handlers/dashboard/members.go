package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/members"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// people is Settings > Members.
type people struct{ store *models.Store }

func (h people) list(c echo.Context) error {
	var query members.Query
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &query); err != nil {
		return err
	}
	query.Page = max(query.Page, 1)
	list, err := h.store.MemberList(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.MemberListFilter{
		Search: query.Search, Role: models.Role(query.Role), State: models.MemberState(query.State),
		PageNumber: query.Page, PageSize: members.PageSize,
	})
	if err != nil {
		return err
	}
	page := members.ListPage{Query: query, List: list}
	if query.Page > page.Pages() {
		query.Page = page.Pages()
		return web.Redirect(c, query.Address())
	}
	return web.Render(c, http.StatusOK, members.List(page))
}

// ask shows an empty form.
func (h people) ask(c echo.Context) error {
	return h.form(c, http.StatusOK, members.Form{Role: string(models.RoleMember)})
}

func (h people) form(c echo.Context, status int, form members.Form) error {
	form.Mails = h.store.SendsEmail()
	return web.Render(c, status, members.New(form))
}

// create adds a person. Who is new is invited: by mail, or with a link that is
// shown once where nobody mails.
func (h people) create(c echo.Context) error {
	var form members.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.AddMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewMember{
		Email: form.Email, Name: form.Name, Role: models.Role(form.Role),
	})
	if refused := refusalOf(err); refused != nil {
		form.Errors, form.Error = complaints(refused)
		return h.form(c, http.StatusUnprocessableEntity, form)
	}
	switch {
	case err != nil:
		return err
	case !member.Pending:
		return h.done(c, member.DisplayName()+" is a member again, and signs in like before.")
	case h.store.SendsEmail():
		return h.done(c, "An invitation to "+member.User.Email+" is being mailed.")
	}
	return h.showLink(c, member.ID)
}

// makeLink makes a link for a pending member and shows it once. There is no redirect: the link
// cannot be read again.
func (h people) makeLink(c echo.Context) error { return h.showLink(c, c.Param("id")) }

func (h people) showLink(c echo.Context, id string) error {
	invited, err := h.store.InviteMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, id)
	if err != nil {
		return h.refuse(c, id, err)
	}
	return web.Render(c, http.StatusCreated, members.Invited(members.InvitedPage{
		Member: invited.Member, ExpiresAt: invited.ExpiresAt,
		Link: viewer.Of(c.Request().Context()).PublicURL + path.Invitation(invited.Token),
	}))
}

// mailLink has the invitation of a pending member mailed again.
func (h people) mailLink(c echo.Context) error {
	if err := h.store.EmailInvitation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")); err != nil {
		return h.refuse(c, c.Param("id"), err)
	}
	return h.done(c, "The invitation is being mailed again. The link before has stopped working.")
}

func (h people) show(c echo.Context) error {
	return h.page(c, http.StatusOK, c.Param("id"), members.ShowPage{})
}

// page adds to page a member, with its role where none was chosen, and shows it.
func (h people) page(c echo.Context, status int, id string, page members.ShowPage) error {
	member, err := h.store.ListedMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, id)
	if err != nil {
		return err
	}
	page.Member, page.Mails, page.Self = member, h.store.SendsEmail(), isSelf(c, id)
	page.Role = cmp.Or(page.Role, string(member.Role))
	return web.Render(c, status, members.Show(page))
}

func (h people) changeRole(c echo.Context) error {
	var form struct {
		Role string `form:"role"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	member, err := h.store.ChangeMemberRole(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), models.Role(form.Role))
	if refused := refusalOf(err); refused != nil {
		return h.page(c, http.StatusUnprocessableEntity, c.Param("id"), members.ShowPage{Role: form.Role, Error: refused.Message})
	}
	if err != nil {
		return err
	}
	return h.doneWith(c, member, member.DisplayName()+" has the role that you chose.")
}

// askDeactivation says what the deactivation of a member would mean, before it is done.
func (h people) askDeactivation(c echo.Context) error {
	return h.confirmDeactivation(c, http.StatusOK, "")
}

func (h people) confirmDeactivation(c echo.Context, status int, refused string) error {
	member, err := h.store.ListedMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return err
	}
	return web.Render(c, status, members.Deactivate(members.DeactivatePage{Member: member, Error: refused, Self: isSelf(c, member.ID)}))
}

func (h people) deactivate(c echo.Context) error {
	member, err := h.store.DeactivateMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if refused := refusalOf(err); refused != nil {
		return h.confirmDeactivation(c, http.StatusUnprocessableEntity, refused.Message)
	}
	if err != nil {
		return err
	}
	return h.doneWith(c, member, member.DisplayName()+" is deactivated and signed out of this workspace.")
}

func (h people) reactivate(c echo.Context) error {
	member, err := h.store.ReactivateMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return h.refuse(c, c.Param("id"), err)
	}
	return h.done(c, member.DisplayName()+" is a member again.")
}

// done goes back to the list with a notice.
func (h people) done(c echo.Context, notice string) error {
	return doneAt(c, listAddress(c, path.Members), notice)
}

// doneWith is done after member was changed. Who is no admin any more goes home.
func (h people) doneWith(c echo.Context, member *models.Member, notice string) error {
	if isSelf(c, member.ID) && !member.IsAdmin() {
		return doneAt(c, path.Root, notice)
	}
	return h.done(c, notice)
}

func doneAt(c echo.Context, address, notice string) error {
	if err := web.SetNotice(c, notice); err != nil {
		return err
	}
	return web.Redirect(c, address)
}

// refuse shows the page of a member with what the present state does not allow.
func (h people) refuse(c echo.Context, id string, err error) error {
	if refused := refusalOf(err); refused != nil {
		return h.page(c, http.StatusUnprocessableEntity, id, members.ShowPage{Error: refused.Message})
	}
	return err
}

// refusalOf is nil unless err is about what was asked for, so that the form can be shown again.
func refusalOf(err error) *models.Error {
	refused := new(models.Error)
	if !errors.As(err, &refused) || refused.Kind != models.Invalid && refused.Kind != models.FailedPrecondition {
		return nil
	}
	return refused
}

// complaints are what a form is shown again with: about its fields, or a sentence about the whole.
func complaints(refused *models.Error) (models.Fields, string) {
	if len(refused.Fields) > 0 {
		return refused.Fields, ""
	}
	return nil, refused.Message
}

func isSelf(c echo.Context, memberID string) bool { return web.CallerOf(c).Member.ID == memberID }

// listAddress is the list at base as it was, with its search and filters, when a form was sent
// from it; else base alone.
func listAddress(c echo.Context, base string) string {
	from, err := url.Parse(c.Request().Referer())
	if err != nil || from.Path != base {
		return base
	}
	return web.LocalURL(from.RequestURI())
}
