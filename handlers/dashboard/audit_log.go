package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/audit"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// auditLog is Settings > Audit log.
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
	if page.Actors, err = h.actors(ctx, workspaceID, page); err != nil {
		return err
	}
	return web.Render(c, status, audit.Log(page))
}

// auditQuery is what the address asks of the Store, and what is wrong with it.
func auditQuery(c echo.Context) (audit.Page, models.AuditFilter, error) {
	page := audit.Page{Errors: models.Fields{}}
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &page.Query); err != nil {
		return page, models.AuditFilter{}, err
	}
	look := viewer.Of(c.Request().Context())
	filter := models.AuditFilter{Actor: page.Query.Actor, Action: page.Query.Action, Target: strings.TrimSpace(page.Query.Target)}
	filter.From = dayOf(page.Errors, "from", page.Query.From, look)
	if last := dayOf(page.Errors, "to", page.Query.To, look); last != nil {
		end := last.AddDate(0, 0, 1) // the day counts to its end
		filter.Before = &end
		if filter.From != nil && !filter.From.Before(end) {
			page.Errors["to"] = "must not be before the first"
		}
	}
	return page, filter, nil
}

// dayOf is the beginning of a day where the viewer is; nil for none, or with a complaint.
func dayOf(complaints models.Fields, name, text string, look viewer.Viewer) *time.Time {
	if text == "" {
		return nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, look.Location)
	if err != nil {
		complaints[name] = "must be a date, such as " + look.Now.In(look.Location).Format(time.DateOnly)
		return nil
	}
	return &day
}

// actorChoices is how many people the log offers to be narrowed to. An event leads to all others of
// whoever did it.
const actorChoices = 200

// actors are whom the log can be narrowed to: who is or was a member, those without an id, and whom
// it is narrowed to already.
func (h auditLog) actors(ctx context.Context, workspaceID string, page audit.Page) ([]audit.Actor, error) {
	members, err := h.store.Everybody(ctx, workspaceID, actorChoices)
	if err != nil {
		return nil, err
	}
	var actors []audit.Actor
	for _, member := range members {
		name := member.DisplayName()
		if member.DeactivatedAt != nil {
			name += " (deactivated)"
		}
		actors = append(actors, audit.Actor{ID: member.ID, Name: name})
	}
	slices.SortStableFunc(actors, func(a, b audit.Actor) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	actors = append(actors,
		audit.Actor{ID: string(models.ActorOperator), Name: "Operators"},
		audit.Actor{ID: string(models.ActorSystem), Name: "SkipUp Keys itself"},
		audit.Actor{ID: string(models.ActorAnonymous), Name: "Nobody known"})
	chosen := func(actor audit.Actor) bool { return actor.ID == page.Query.Actor }
	if page.Query.Actor != "" && !slices.ContainsFunc(actors, chosen) {
		name := page.Query.Actor
		if len(page.Events.Items) > 0 {
			name = audit.ActorName(page.Events.Items[0])
		}
		actors = append(actors, audit.Actor{ID: page.Query.Actor, Name: name})
	}
	return actors, nil
}

// download sends the log as the address asks for it as CSV, row by row.
func (h auditLog) download(c echo.Context) error {
	page, filter, err := auditQuery(c)
	if err != nil {
		return err
	}
	if len(page.Errors) > 0 {
		return models.Errorf(models.Invalid, "The dates of the log must be days, such as 2026-11-25, the first not after the last.")
	}
	file := "audit-log-" + viewer.Of(c.Request().Context()).Now.UTC().Format("2006-01-02") + ".csv"
	return web.SendCSV(c, file, audit.Columns, func(send func(row []string) error) error {
		return h.store.EachAuditEvent(c.Request().Context(), web.CallerOf(c).WorkspaceID, filter, func(event *models.AuditEvent) error {
			return send(audit.Row(*event))
		})
	})
}
