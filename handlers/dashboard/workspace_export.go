package dashboard

import (
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/audit"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// export sends the audit log, the keys, and their usage by day.
func (h workspaces) export(c echo.Context) error {
	ctx, id, look := c.Request().Context(), web.CallerOf(c).WorkspaceID, viewer.Of(c.Request().Context())
	events := func(send func([]string) error) error {
		return h.store.EachAuditEvent(ctx, id, models.AuditFilter{}, func(event *models.AuditEvent) error { return send(audit.Row(*event)) })
	}
	list := func(send func([]string) error) error {
		return h.store.EachAPIKeyPage(ctx, id, func(keys []models.APIKey) error {
			owners, err := h.store.OwnersOf(ctx, id, keys)
			if err != nil {
				return err
			}
			for i := range keys {
				if err := send(keyRow(&keys[i], owners.Of(&keys[i]), look)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	counts := func(send func([]string) error) error {
		return h.store.EachAPIKeyPage(ctx, id, func(keys []models.APIKey) error {
			names, ids := map[string]string{}, make([]string, len(keys))
			for i := range keys {
				ids[i], names[keys[i].ID] = keys[i].ID, keys[i].Name
			}
			return h.store.EachDailyCount(ctx, id, ids, look.Now.Add(-h.store.UsageKept()), func(count usage.Count) error {
				return send(usageRow(names[count.APIKeyID], count))
			})
		})
	}
	file := web.FileName("zip", "workspace", look.Member.Workspace.Name, look.Now.UTC().Format(time.DateOnly))
	return web.SendZip(c, file, []web.Table{
		{File: "audit-log.csv", Columns: audit.Columns, Rows: events},
		{File: "api-keys.csv", Columns: keyColumns, Rows: list},
		{File: "usage.csv", Columns: usageColumns, Rows: counts},
	})
}

// The columns of exported keys and counts. Times are in UTC.
var (
	keyColumns   = []string{"id", "name", "description", "environment", "key_prefix", "status", "scopes", "created_at", "created_by", "owner_email", "expires_at", "rate_limit", "allowlist_mode", "allowlist", "last_used_at", "deleted_at"}
	usageColumns = []string{"date", "api_key_id", "name", "route", "scope", "status", "refusal", "requests", "outside_allowlist"}
)

func keyRow(key *models.APIKey, owner *models.Member, look viewer.Viewer) []string {
	email := ""
	if owner != nil {
		email = owner.User.Email
	}
	return []string{
		key.ID, key.Name, key.Description, key.Environment, key.KeyPrefix, string(key.StatusAt(look.Now)), strings.Join(look.Scopes.Names(key.Scopes), " "),
		exportedTime(&key.CreatedAt), key.CreatedByName, email, exportedTime(key.ExpiresAt), exportedLimit(key.RateLimit), key.Allowlist.Mode.Text(), key.Allowlist.Networks, exportedTime(key.LastUsedAt), exportedTime(key.DeletedAt),
	}
}

func usageRow(name string, count usage.Count) []string {
	return []string{
		count.StartsAt.UTC().Format(time.DateOnly), count.APIKeyID, name, count.Route, count.Scope,
		strconv.Itoa(count.StatusClass) + "xx", string(count.Rejection), strconv.FormatInt(count.Requests, 10), strconv.FormatInt(count.Outside, 10),
	}
}

// exportedLimit returns a rate limit, or "" for the server's.
func exportedLimit(limit int) string {
	if limit == 0 {
		return ""
	}
	return strconv.Itoa(limit)
}

func exportedTime(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
