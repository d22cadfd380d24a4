package dashboard

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/audit"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// auditLog serves Settings > Audit log.
type auditLog struct{ store *models.Store }

func (h auditLog) show(c echo.Context) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	page, filter, err := auditQuery(c)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if len(page.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	} else {
		page.Events, err = h.store.AuditEvents(ctx, workspaceID, filter, models.Page{Limit: audit.PageSize, Cursor: page.Query.Cursor})
	}
	if err != nil {
		return err
	}
	if page.Total, page.Head, err = h.store.AuditHead(ctx, workspaceID); err != nil {
		return err
	}
	return web.Render(c, status, audit.Log(page))
}

// failedSignIns shows failed sign-ins, which aren't events of the log.
func (h auditLog) failedSignIns(c echo.Context) error {
	page := models.Page{Limit: audit.PageSize, Cursor: c.QueryParam("cursor")}
	failed, err := h.store.FailedSignIns(c.Request().Context(), web.CallerOf(c).WorkspaceID, page)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, audit.FailedSignIns(failed, h.store.FailedSignInsKept(), page.Cursor != ""))
}

// auditQuery returns the filter in the URL, and a page with the errors in it.
func auditQuery(c echo.Context) (audit.Page, models.AuditFilter, error) {
	page := audit.Page{Errors: models.Fields{}}
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &page.Query); err != nil {
		return page, models.AuditFilter{}, err
	}
	v := viewer.Of(c.Request().Context())
	filter := models.AuditFilter{Actor: strings.TrimSpace(page.Query.Actor), Action: page.Query.Action, Target: strings.TrimSpace(page.Query.Target)}
	filter.From, filter.Before = datesIn(page.Errors, page.Query.From, page.Query.To, v.Location)
	return page, filter, nil
}

// download streams the filtered log as CSV.
func (h auditLog) download(c echo.Context) error {
	page, filter, err := auditQuery(c)
	if err != nil {
		return err
	}
	if len(page.Errors) > 0 {
		return models.Errorf(models.Invalid, "Enter valid dates, such as 2026-11-25. The end date can’t be before the start date.")
	}
	file := web.FileName("csv", "audit-log", viewer.Of(c.Request().Context()).Now.UTC().Format(time.DateOnly))
	return web.SendCSV(c, file, audit.Columns, func(send func(row []string) error) error {
		return h.store.EachAuditEvent(c.Request().Context(), web.CallerOf(c).WorkspaceID, filter, func(event *models.AuditEvent) error {
			return send(audit.Row(*event))
		})
	})
}
