package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/notifications"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// notificationsHandler serves the notifications of a person in the workspace shown.
type notificationsHandler struct{ store *models.Store }

func (h notificationsHandler) show(c echo.Context) error {
	return h.page(c, http.StatusOK, "")
}

func (h notificationsHandler) page(c echo.Context, status int, message string) error {
	ctx := c.Request().Context()
	page := notifications.Page{Later: c.QueryParam("cursor") != "", Message: message}
	if member := viewer.Of(ctx).Member; member != nil {
		var err error
		if page.Paged, err = h.store.Notifications(ctx, member, models.Page{Cursor: c.QueryParam("cursor")}); err != nil {
			return err
		}
	}
	return web.Render(c, status, notifications.Show(page))
}

// markRead marks the notifications up to the newest one on the page as read.
func (h notificationsHandler) markRead(c echo.Context) error {
	ctx := c.Request().Context()
	var form struct {
		UpTo string `form:"up_to"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if member := viewer.Of(ctx).Member; member != nil {
		err := h.store.MarkNotificationsRead(ctx, member, form.UpTo)
		if rejected, is := rejectionOf(err); is {
			return h.page(c, http.StatusUnprocessableEntity, rejected.message)
		}
		if err != nil {
			return err
		}
	}
	return web.Redirect(c, in(c).Notifications())
}
