package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// recentUsage returns the usage of keys in the last UsageDays of the viewer.
func (h apiKeys) recentUsage(c echo.Context, keys ...models.APIKey) (map[string]usage.Total, error) {
	return h.store.UsageTotals(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.APIKeyIDs(keys), lately(c.Request().Context()))
}

// keyUsage returns the usage of a key in the last UsageDays of the viewer, for its page.
func (h apiKeys) keyUsage(c echo.Context, id string) (of apikeys.KeyUsage, err error) {
	ctx, workspaceID, look := c.Request().Context(), web.CallerOf(c).WorkspaceID, viewer.Of(c.Request().Context())
	of.Now, of.Zone = look.Now, look.Location
	if of.Report, err = h.store.UsageReport(ctx, workspaceID, id, of.Query.Window(look.Now, look.Location)); err != nil {
		return of, err
	}
	of.Ever = of.Report.Ever()
	if of.Callers, err = h.store.CallersOf(ctx, workspaceID, id); err != nil {
		return of, err
	}
	of.LastError, err = h.store.LastError(ctx, workspaceID, id, lately(ctx))
	return of, err
}

// lately returns the start of the last UsageDays of the viewer.
func lately(ctx context.Context) time.Time {
	look := viewer.Of(ctx)
	return usage.LastDays(look.Now, apikeys.UsageDays, look.Location).Starts[0]
}

// usage shows the usage of a key. It sends a page that refreshes itself only the part that
// changes, or 204 if nothing has changed.
func (h apiKeys) usage(c echo.Context) error {
	query, err := usageQuery(c)
	if err != nil {
		return err
	}
	ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
	history, others, err := h.usedKeys(c, query)
	if err != nil {
		return err
	}
	look := viewer.Of(ctx)
	window := query.Window(look.Now, look.Location)
	if query.Seen != "" {
		ever, err := h.store.RequestsEver(ctx, workspaceID, id, others...)
		if err != nil {
			return err
		}
		if query.Seen == apikeys.Seen(ever, window) {
			return c.NoContent(http.StatusNoContent)
		}
	}
	report, err := h.store.UsageReport(ctx, workspaceID, id, window, others...)
	if err != nil {
		return err
	}
	callers, err := h.store.CallersOf(ctx, workspaceID, id, others...)
	if err != nil {
		return err
	}
	page := apikeys.UsagePage{Query: query, Report: report, Callers: callers, Ever: report.Ever(), History: history, Now: look.Now, Zone: look.Location}
	if query.Seen != "" {
		return web.Render(c, http.StatusOK, apikeys.UsageLive(page))
	}
	return web.Render(c, http.StatusOK, apikeys.Usage(page))
}

// usedKeys returns the rotation history of the key, and the IDs of its keys if the query asks for the
// usage of all of them.
func (h apiKeys) usedKeys(c echo.Context, query apikeys.UsageQuery) (history []models.APIKey, others []string, err error) {
	key, err := h.store.APIKey(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return nil, nil, err
	}
	if history, err = h.store.RotationHistory(c.Request().Context(), key); err != nil || !query.AllRotated() {
		return history, nil, err
	}
	return history, models.APIKeyIDs(history), nil
}

// usageFile returns the name of a file about the key in the URL, with the key's name, the end of its ID,
// a period, and the date. The keys of a rotation have the same name.
func (h apiKeys) usageFile(c echo.Context, what, period string) (string, error) {
	key, err := h.store.APIKey(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err != nil {
		return "", err
	}
	look := viewer.Of(c.Request().Context())
	return web.FileName("csv", what, key.Name, key.ID[max(0, len(key.ID)-6):], period, look.Now.In(look.Location).Format(time.DateOnly)), nil
}

// usageQuery returns the query of a request. Only requests for a part of the page have Seen.
func usageQuery(c echo.Context) (query apikeys.UsageQuery, err error) {
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &query); err != nil {
		return query, err
	}
	if !web.ForPart(c) {
		query.Seen = ""
	}
	query.Caller = strings.TrimSpace(query.Caller)
	return query, nil
}

// usageCounts sends the counts of the page as CSV.
func (h apiKeys) usageCounts(c echo.Context) error {
	query, err := usageQuery(c)
	if err != nil {
		return err
	}
	_, others, err := h.usedKeys(c, query)
	if err != nil {
		return err
	}
	look := viewer.Of(c.Request().Context())
	counts, err := h.store.UsageCounts(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), query.Window(look.Now, look.Location), others...)
	if err != nil {
		return err
	}
	file, err := h.usageFile(c, "usage", query.PeriodName())
	if err != nil {
		return err
	}
	columns := []string{"starts_at", "route", "scope", "status", "refusal", "requests", "outside_allowlist"}
	return web.SendCSV(c, file, columns, func(send func([]string) error) error {
		for _, count := range counts {
			row := []string{count.StartsAt.In(look.Location).Format(time.RFC3339), count.Route, count.Scope,
				strconv.Itoa(count.StatusClass) + "xx", string(count.Rejection), strconv.FormatInt(count.Requests, 10), strconv.FormatInt(count.Outside, 10)}
			if err := send(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// usageCallers sends the callers of the page as CSV.
func (h apiKeys) usageCallers(c echo.Context) error {
	query, err := usageQuery(c)
	if err != nil {
		return err
	}
	_, others, err := h.usedKeys(c, query)
	if err != nil {
		return err
	}
	callers, err := h.store.CallersOf(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), others...)
	if err != nil {
		return err
	}
	file, err := h.usageFile(c, "callers", "")
	if err != nil {
		return err
	}
	columns := []string{"address", "user_agent", "first_seen_at", "last_seen_at", "accepted", "refused", "callers"}
	return web.SendCSV(c, file, columns, func(send func([]string) error) error {
		for i := range callers {
			caller := &callers[i]
			row := []string{caller.Address, caller.UserAgent, caller.FirstSeenAt.Format(time.RFC3339), caller.LastSeenAt.Format(time.RFC3339),
				strconv.FormatInt(caller.Accepted, 10), strconv.FormatInt(caller.Rejected, 10),
				strconv.Itoa(max(1, caller.Others.Len()))}
			if err := send(row); err != nil {
				return err
			}
		}
		return nil
	})
}
