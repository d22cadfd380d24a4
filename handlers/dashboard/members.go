package dashboard

import (
	"cmp"
	"context"
	"fmt"
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
	query, err := ui.ParseListQuery(in(c).Members(), c.QueryParams(), members.Filters...)
	if err != nil {
		return err
	}
	list, err := h.store.MemberList(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.MemberListFilter{
		Search: query.Search(), Role: models.Role(query.Get("role")), State: models.MemberState(query.Get("status")),
		PageNumber: query.Page(), PageSize: query.PageSize(),
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

// create adds a member. Someone new is invited by email, or with a link that is shown once if the
// server doesn't send email.
func (h membersHandler) create() change[struct{}, members.Form] {
	return change[struct{}, members.Form]{
		form: func(struct{}) members.Form { return members.Form{Role: string(models.Viewer)} },
		show: func(c echo.Context, status int, _ struct{}, form members.Form, r rejection) error {
			form.SendsEmail, form.Errors, form.Message = h.store.SendsEmail(), r.fields, r.message
			return web.Render(c, status, members.New(form))
		},
		apply: func(c echo.Context, form members.Form) (next, error) {
			member, err := h.store.AddMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewMember{
				Email: form.Email, Name: form.Name, Role: models.Role(form.Role),
			})
			switch {
			case err != nil:
				return next{}, err
			case !member.Pending: // perhaps with a lower role than the form asked for
				return toMembers(c, "Reactivated "+ui.Isolate(member.DisplayName())+" as "+ui.RoleWithArticle(member.Role)), nil
			case h.store.SendsEmail():
				return toMembers(c, "Invitation sent to "+member.User.Email), nil
			}
			return next{}, h.showLink(c, member.ID, false)
		},
	}
}

func (h membersHandler) showLink(c echo.Context, id string, replaces bool) error {
	invited, err := h.store.InviteMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, id)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusCreated, members.Invited(members.LinkPage{
		Member: invited.Member, ExpiresAt: invited.ExpiresAt, Replaces: replaces,
		Link: viewer.Of(c.Request().Context()).PublicURL + path.Invitation(invited.Token),
	}))
}

// memberForm has the fields of the forms on the page of a member.
type memberForm struct {
	Role    string `form:"role"`
	Session string `form:"session"`
}

// onPage returns a change that is made on the page of a member, which its ask shows.
func (h membersHandler) onPage(apply func(echo.Context, memberForm) (next, error)) change[*models.ListedMember, memberForm] {
	return change[*models.ListedMember, memberForm]{
		subject: h.member,
		show: func(c echo.Context, status int, member *models.ListedMember, form memberForm, r rejection) error {
			keys, err := h.store.KeysOwnedBy(c.Request().Context(), member.WorkspaceID, member.ID)
			if err != nil {
				return err
			}
			viewing := web.CallerOf(c).Member
			sessions, err := h.store.SessionsOfMember(c.Request().Context(), viewing.UserID, &member.Member)
			if err != nil {
				return err
			}
			resets, err := h.store.MayCreateResetLink(c.Request().Context(), viewing.UserID, &member.Member)
			if err != nil {
				return err
			}
			factor, err := h.store.MayRemoveSecondFactor(c.Request().Context(), viewing.UserID, &member.Member)
			if err != nil {
				return err
			}
			return web.Render(c, status, members.Show(members.ShowPage{
				Member: member, Sessions: sessions, Resets: resets, SecondFactor: factor, Keys: len(keys), Role: cmp.Or(form.Role, string(member.Role)), SendsEmail: h.store.SendsEmail(),
				Self: isSelf(c, member.ID), Errors: r.fields, Message: r.message,
			}))
		},
		apply: apply,
	}
}

// member returns the member in the URL.
func (h membersHandler) member(c echo.Context) (*models.ListedMember, error) {
	return h.store.ListedMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}

func (h membersHandler) role() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, form memberForm) (next, error) {
		member, err := h.store.ChangeMemberRole(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), models.Role(form.Role))
		if err != nil {
			return next{}, err
		}
		return afterChange(c, member, ui.Isolate(member.DisplayName())+" is now "+ui.RoleWithArticle(member.Role)), nil
	})
}

func (h membersHandler) reactivate() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		member, err := h.store.ReactivateMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
		if err != nil {
			return next{}, err
		}
		return toMembers(c, "Reactivated "+ui.Isolate(member.DisplayName())), nil
	})
}

// restoreInvitation undoes the deactivation of a pending member.
func (h membersHandler) restoreInvitation() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		member, err := h.store.RestoreInvitation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
		if err != nil {
			return next{}, err
		}
		return toMembers(c, "Restored the invitation of "+ui.Isolate(member.DisplayName())), nil
	})
}

// endSession ends one session of a member.
func (h membersHandler) endSession() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, form memberForm) (next, error) {
		caller := web.CallerOf(c)
		member, err := h.store.EndSessionOfMember(c.Request().Context(), caller.Member.UserID, caller.WorkspaceID, c.Param("id"), form.Session)
		if err != nil {
			return next{}, err
		}
		return toMembers(c, "Ended a session of "+ui.Isolate(member.DisplayName())), nil
	})
}

// removeSecondFactor removes the second factor of a member who has lost it.
func (h membersHandler) removeSecondFactor() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		caller := web.CallerOf(c)
		member, err := h.store.RemoveSecondFactorOfMember(c.Request().Context(), caller.Member.UserID, caller.WorkspaceID, c.Param("id"))
		if err != nil {
			return next{}, err
		}
		return toMembers(c, "Removed the second factor of "+ui.Isolate(member.DisplayName())), nil
	})
}

// createLink creates an invitation link for a pending member and shows it once. It doesn't redirect,
// because the link can't be retrieved later.
func (h membersHandler) createLink() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		return next{}, h.showLink(c, c.Param("id"), true)
	})
}

// createResetLink creates a link with which a member chooses a new password, and shows it once.
func (h membersHandler) createResetLink() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		caller := web.CallerOf(c)
		link, err := h.store.CreateResetLink(c.Request().Context(), caller.Member.UserID, caller.WorkspaceID, c.Param("id"))
		if err != nil {
			return next{}, err
		}
		member, err := h.member(c)
		if err != nil {
			return next{}, err
		}
		return next{}, web.Render(c, http.StatusCreated, members.ResetLink(members.LinkPage{
			Member: &member.Member, ExpiresAt: link.ExpiresAt,
			Link: viewer.Of(c.Request().Context()).PublicURL + path.ResetPasswordWith(link.Token),
		}))
	})
}

// resendEmail sends the invitation email of a pending member again.
func (h membersHandler) resendEmail() change[*models.ListedMember, memberForm] {
	return h.onPage(func(c echo.Context, _ memberForm) (next, error) {
		err := h.store.EmailInvitation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
		return toMembers(c, "Invitation resent. The previous link no longer works."), err
	})
}

// correct changes the email and the name of a member who has not joined yet.
func (h membersHandler) correct() change[*models.ListedMember, members.DetailsForm] {
	return change[*models.ListedMember, members.DetailsForm]{
		subject: h.member,
		form: func(member *models.ListedMember) members.DetailsForm {
			return members.DetailsForm{Email: member.User.Email, Name: member.InvitedName}
		},
		show: func(c echo.Context, status int, member *models.ListedMember, form members.DetailsForm, r rejection) error {
			form.Member, form.SendsEmail, form.Errors, form.Message = member, h.store.SendsEmail(), r.fields, r.message
			return web.Render(c, status, members.Details(form))
		},
		apply: func(c echo.Context, form members.DetailsForm) (next, error) {
			before, err := h.member(c)
			if err != nil {
				return next{}, err
			}
			member, err := h.store.CorrectMember(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), form.Email, form.Name)
			switch {
			case err != nil:
				return next{}, err
			case member.User.Email == before.User.Email:
				return toMembers(c, "Details saved"), nil
			case h.store.SendsEmail():
				return toMembers(c, "Invitation sent to "+member.User.Email+". The previous link no longer works."), nil
			}
			return next{}, h.showLink(c, member.ID, true)
		},
	}
}

// deactivateForm is the form that deactivates a member.
type deactivateForm struct {
	NewOwnerID string `form:"new_owner_id"`
	PauseKeys  bool   `form:"pause_keys"`
}

// newOwner returns the ID of the new owner of keys that was selected or entered in a ui.NewOwner, or "" if the keys keep
// their owner.
func newOwner(ctx context.Context, store *models.Store, workspaceID, entered string) (string, error) {
	if entered == ui.LeaveKeys {
		return "", nil
	}
	return store.FindOwner(ctx, workspaceID, entered)
}

// noticeOfNewOwner returns the end of a notice about a member whose keys were assigned, if any were.
func noticeOfNewOwner(ctx context.Context, store *models.Store, workspaceID, ownerID string, assigned int) (string, error) {
	if assigned == 0 {
		return "", nil
	}
	owner, err := store.Member(ctx, workspaceID, ownerID)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(", and assigned %s to %s", ui.Plural(int64(assigned), "key"), ui.Isolate(owner.DisplayName())), nil
}

func (h membersHandler) deactivate() change[*models.ListedMember, deactivateForm] {
	return change[*models.ListedMember, deactivateForm]{
		subject: h.member,
		show: func(c echo.Context, status int, member *models.ListedMember, form deactivateForm, r rejection) (err error) {
			ctx, viewing := c.Request().Context(), web.CallerOf(c).Member
			page := members.DeactivatePage{
				Member: member, NewOwnerID: cmp.Or(form.NewOwnerID, viewing.ID), PauseKeys: form.PauseKeys, Errors: r.fields, Message: r.message, Self: isSelf(c, member.ID),
			}
			if page.Self {
				page.NewOwnerID = cmp.Or(form.NewOwnerID, ui.LeaveKeys)
			}
			if page.Owned, err = h.store.KeysOwnedBy(ctx, member.WorkspaceID, member.ID); err != nil {
				return err
			}
			if page.Created, err = h.store.KeysCreatedBy(ctx, member.WorkspaceID, member.ID); err != nil {
				return err
			}
			if page.People, err = h.store.PossibleOwners(ctx, member.WorkspaceID); err != nil {
				return err
			}
			return web.Render(c, status, members.Deactivate(page))
		},
		apply: func(c echo.Context, form deactivateForm) (next, error) {
			before, err := h.member(c)
			if err != nil {
				return next{}, err
			}
			ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
			owner, err := newOwner(ctx, h.store, workspaceID, form.NewOwnerID)
			if err != nil {
				return next{}, err
			}
			member, assigned, err := h.store.DeactivateMemberWith(ctx, workspaceID, c.Param("id"), models.Departure{NewOwnerID: owner, PauseKeys: form.PauseKeys})
			if err != nil {
				return next{}, err
			}
			assignment, err := noticeOfNewOwner(ctx, h.store, workspaceID, owner, assigned)
			if err != nil {
				return next{}, err
			}
			notice := viewer.Notice{Text: "Deactivated " + ui.Isolate(member.DisplayName()) + assignment}
			if form.PauseKeys {
				notice.Text += ", and paused the API keys that they created"
			}
			switch canUndo := !isSelf(c, member.ID) && !before.HasSeat && assigned == 0 && !form.PauseKeys; { // only what reactivation restores was lost
			case canUndo && before.State() == models.MemberActive:
				notice.Undo = in(c).MemberReactivate(member.ID)
			case canUndo && before.Invitation != nil:
				notice.Undo = in(c).MemberInvitationRestore(member.ID)
			}
			return afterChange(c, member, notice.String()), nil
		},
	}
}

// toMembers leads to the list of members.
func toMembers(c echo.Context, notice string) next { return next{notice, listURL(c, in(c).Members())} }

// afterChange leads to the page after a change of member. Those who have lost access leave the members
// pages.
func afterChange(c echo.Context, member *models.Member, notice string) next {
	if isSelf(c, member.ID) && !member.May(models.ViewWorkspace) {
		return next{notice, path.Root}
	}
	return toMembers(c, notice)
}

func isSelf(c echo.Context, memberID string) bool { return web.CallerOf(c).Member.ID == memberID }
