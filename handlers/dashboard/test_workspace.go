package dashboard

import (
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/testworkspace"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// testWorkspaces serves the page that creates or opens the test workspace of the current one.
type testWorkspaces struct{ store *models.Store }

// testWorkspaceForm is the form on the page.
type testWorkspaceForm struct {
	Name string `form:"name"`
}

func (h testWorkspaces) open() change[testworkspace.Page, testWorkspaceForm] {
	return change[testworkspace.Page, testWorkspaceForm]{
		subject: h.page,
		form:    func(page testworkspace.Page) testWorkspaceForm { return testWorkspaceForm{page.Name} },
		show: func(c echo.Context, status int, page testworkspace.Page, form testWorkspaceForm, r rejection) error {
			page.Name, page.Errors, page.Message = form.Name, r.fields, r.message
			return web.Render(c, status, testworkspace.Show(page))
		},
		apply: func(c echo.Context, form testWorkspaceForm) (next, error) {
			member := web.CallerOf(c).Member
			test, err := h.store.OpenTestWorkspace(c.Request().Context(), member.WorkspaceID, member.ID, form.Name)
			if err != nil {
				return next{}, err
			}
			return next{"Switched to " + ui.Isolate(test.Name), path.Workspace(test.ID).APIKeys()}, nil
		},
	}
}

// page returns what the page shows. It returns FailedPrecondition in a test workspace.
func (h testWorkspaces) page(c echo.Context) (testworkspace.Page, error) {
	ctx := c.Request().Context()
	live := viewer.Of(ctx).Member.Workspace
	if live.IsTest() {
		return testworkspace.Page{}, models.ErrTestWorkspace
	}
	page := testworkspace.Page{Name: testworkspace.DefaultName(live.Name)}
	var err error
	if page.Existing, err = h.store.TestWorkspace(ctx, live.ID); err != nil && !models.IsKind(err, models.NotFound) {
		return page, err
	}
	page.Admins, err = h.store.AdminsOf(ctx, live.ID)
	return page, err
}
