package dashboard

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/views/workspace"
	"github.com/skipup/keys/web"
)

// workspaces serves Settings > Workspace, and the page that creates another workspace.
type workspaces struct{ store *models.Store }

func (h workspaces) show(c echo.Context) error {
	return web.Render(c, http.StatusOK, workspace.Show(viewer.Of(c.Request().Context()).Member.Workspace))
}

// currentWorkspace returns the workspace of a request.
func currentWorkspace(c echo.Context) (models.Workspace, error) {
	return viewer.Of(c.Request().Context()).Member.Workspace, nil
}

func (h workspaces) rename() change[models.Workspace, workspace.NameForm] {
	return change[models.Workspace, workspace.NameForm]{
		subject: currentWorkspace,
		form:    func(w models.Workspace) workspace.NameForm { return workspace.NameForm{Name: w.Name} },
		show: func(c echo.Context, status int, _ models.Workspace, form workspace.NameForm, r rejection) error {
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, workspace.Rename(form))
		},
		apply: func(c echo.Context, form workspace.NameForm) (next, error) {
			_, err := h.store.RenameWorkspace(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.Name)
			return next{"Workspace renamed", in(c).Workspace()}, err
		},
	}
}

// create creates another workspace and switches to it.
func (h workspaces) create() change[struct{}, workspace.NameForm] {
	return change[struct{}, workspace.NameForm]{
		show: func(c echo.Context, status int, _ struct{}, form workspace.NameForm, r rejection) error {
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, workspace.New(form))
		},
		apply: func(c echo.Context, form workspace.NameForm) (next, error) {
			member := web.CallerOf(c).Member
			created, err := h.store.CreateAnotherWorkspace(c.Request().Context(), member.WorkspaceID, member.ID, form.Name)
			if err != nil {
				return next{}, err
			}
			return next{"Switched to " + ui.Isolate(created.Name), path.Workspace(created.ID).APIKeys()}, nil
		},
	}
}

// delete deletes the current workspace. The viewer then sees another one, if there is one.
func (h workspaces) delete() change[workspace.DeletePage, confirmForm] {
	return change[workspace.DeletePage, confirmForm]{
		subject: h.toDelete,
		show: func(c echo.Context, status int, page workspace.DeletePage, form confirmForm, r rejection) error {
			page.Entered, page.Errors, page.Message = form.confirmation(), r.fields, r.message
			return web.Render(c, status, workspace.Delete(page))
		},
		apply: func(c echo.Context, form confirmForm) (next, error) {
			deleted := web.CallerOf(c).Member.Workspace
			err := h.store.DeleteWorkspace(c.Request().Context(), deleted.ID, form.confirmation())
			return next{"Deleted the workspace " + ui.Isolate(deleted.Name), path.Root}, err
		},
	}
}

func (h workspaces) toDelete(c echo.Context) (page workspace.DeletePage, err error) {
	ctx, id := c.Request().Context(), web.CallerOf(c).WorkspaceID
	summary, err := h.store.WorkspaceSummary(ctx, id)
	if err != nil {
		return page, err
	}
	page.WorkspaceSummary = *summary
	if page.Test, err = h.store.TestWorkspace(ctx, id); err != nil && !models.IsKind(err, models.NotFound) {
		return page, err
	}
	lease, err := h.store.Lease(ctx)
	page.ChangeTime = lease.ChangeTime()
	return page, err
}

// leave ends the viewer's membership in the current workspace. Everyone may do that, whatever their role.
func (h workspaces) leave() change[*models.Member, workspace.LeaveForm] {
	return change[*models.Member, workspace.LeaveForm]{
		subject: func(c echo.Context) (*models.Member, error) { return web.CallerOf(c).Member, nil },
		show: func(c echo.Context, status int, member *models.Member, form workspace.LeaveForm, r rejection) error {
			form.NewOwnerID = cmp.Or(form.NewOwnerID, ui.LeaveKeys)
			page := workspace.LeavePage{LeaveForm: form, Errors: r.fields, Message: r.message}
			owned, err := h.store.KeysOwnedBy(c.Request().Context(), member.WorkspaceID, member.ID)
			if err != nil {
				return err
			}
			page.Owned = len(owned)
			if page.People, err = h.store.PossibleOwners(c.Request().Context(), member.WorkspaceID); err != nil {
				return err
			}
			return web.Render(c, status, workspace.Leave(page))
		},
		apply: func(c echo.Context, form workspace.LeaveForm) (next, error) {
			ctx, member := c.Request().Context(), web.CallerOf(c).Member
			owner, err := newOwner(ctx, h.store, member.WorkspaceID, form.NewOwnerID)
			if err != nil {
				return next{}, err
			}
			assigned, err := h.store.LeaveWorkspace(ctx, member.WorkspaceID, member.ID, owner)
			if err != nil {
				return next{}, err
			}
			notice, err := noticeOfNewOwner(ctx, h.store, member.WorkspaceID, owner, assigned)
			return next{"You left " + ui.Isolate(member.Workspace.Name) + notice, path.Root}, err
		},
	}
}
