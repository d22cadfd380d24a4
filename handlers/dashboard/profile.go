package dashboard

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/account"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// name changes the user's own name.
func (h accounts) name() change[*models.User, account.NameForm] {
	return change[*models.User, account.NameForm]{
		subject: viewingUser,
		form:    func(user *models.User) account.NameForm { return account.NameForm{Name: user.Name} },
		show: func(c echo.Context, status int, _ *models.User, form account.NameForm, r rejection) error {
			form.Errors = r.fields
			return web.Render(c, status, account.Name(form))
		},
		apply: func(c echo.Context, form account.NameForm) (next, error) {
			ctx := c.Request().Context()
			return next{"Name changed", path.Account}, h.store.ChangeName(ctx, viewer.Of(ctx).User.ID, form.Name)
		},
	}
}

// email emails a link to the user's new email.
func (h accounts) email() change[*models.User, account.EmailForm] {
	return change[*models.User, account.EmailForm]{
		subject: viewingUser,
		show: func(c echo.Context, status int, _ *models.User, form account.EmailForm, r rejection) error {
			if !h.store.SendsEmail() {
				return web.Render(c, status, account.NoEmail())
			}
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, account.Email(form))
		},
		apply: func(c echo.Context, form account.EmailForm) (next, error) {
			ctx := c.Request().Context()
			err := h.store.RequestEmailChange(ctx, viewer.Of(ctx).User.ID, form.Password, form.Email)
			return next{"Check your inbox at " + form.Email + " for a link to confirm it", path.Account}, err
		},
	}
}

// delete erases the user and signs them out.
func (h accounts) delete() change[*models.User, confirmForm] {
	return change[*models.User, confirmForm]{
		subject: viewingUser,
		show: func(c echo.Context, status int, user *models.User, form confirmForm, r rejection) error {
			return web.Render(c, status, account.Delete(account.DeletePage{User: user, Entered: form.confirmation(), Errors: r.fields, Message: r.message}))
		},
		apply: func(c echo.Context, form confirmForm) (next, error) {
			ctx := c.Request().Context()
			if err := h.store.EraseAccount(ctx, viewer.Of(ctx).User, form.confirmation()); err != nil {
				return next{}, err
			}
			if err := web.SignedOut(c); err != nil {
				return next{}, err
			}
			return next{}, web.Redirect(c, path.SignIn)
		},
	}
}

func viewingUser(c echo.Context) (*models.User, error) {
	return viewer.Of(c.Request().Context()).User, nil
}

// askConfirmation renders the page that a link to a new email opens. It changes nothing, because email
// programs may open the link first.
func (h accounts) askConfirmation(c echo.Context) error {
	return h.confirmation(c, http.StatusOK, "")
}

func (h accounts) confirmation(c echo.Context, status int, message string) error {
	link, err := h.store.ConfirmLink(c.Request().Context(), c.Param("token"))
	if err != nil {
		return linkError(c, err, account.InvalidLink)
	}
	return web.Render(c, status, account.Confirm(account.Confirmation{
		Token: link.Token, UserID: link.User.ID, Email: link.NewEmail(), Message: message,
	}))
}

// confirm changes the email of the user who asked for it.
func (h accounts) confirm(c echo.Context) error {
	ctx := c.Request().Context()
	user := viewer.Of(ctx).User
	if user == nil {
		return h.confirmation(c, http.StatusForbidden, "")
	}
	err := h.store.ConfirmEmailChange(ctx, c.Param("token"), user.ID)
	rejected := new(models.Error)
	switch {
	case err == nil:
		return redirectWithNotice(c, path.Account, "Email changed")
	case errors.As(err, &rejected) && rejected.Kind == models.Forbidden:
		return h.confirmation(c, http.StatusForbidden, "")
	case errors.As(err, &rejected) && rejected.Kind == models.FailedPrecondition:
		return h.confirmation(c, http.StatusUnprocessableEntity, rejected.Message)
	}
	return linkError(c, err, account.InvalidLink)
}
