package dashboard

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// access edits the scopes, the expiry, the rate limit, and the allowlist of a key. If any but the expiry has changed
// since the form was rendered, it saves nothing and shows what was entered next to the current scopes.
func (h apiKeys) access() change[*models.APIKey, apikeys.AccessForm] {
	return change[*models.APIKey, apikeys.AccessForm]{
		subject: h.existingKey,
		form: func(key *models.APIKey) apikeys.AccessForm {
			return apikeys.AccessFormOf(key, h.store.Scopes())
		},
		show: func(c echo.Context, status int, key *models.APIKey, form apikeys.AccessForm, r rejection) error {
			form.Errors, form.Message = r.fields, r.message
			return h.accessForm(c, status, apikeys.AccessPage{Key: key, Form: form})
		},
		apply: h.changeAccess,
	}
}

func (h apiKeys) accessForm(c echo.Context, status int, page apikeys.AccessPage) (err error) {
	if page.ChangeTime, err = h.changeTime(c); err != nil {
		return err
	}
	page.InUse = page.Key.InUseAt(h.store.Now())
	page.Routes, page.ServerLimit = routesOf(h.routes), h.store.KeyRateLimit()
	ctx := c.Request().Context()
	if page.Busiest, err = h.store.BusiestHourOf(ctx, page.Key.WorkspaceID, page.Key.ID, lately(ctx)); err != nil {
		return err
	}
	if page.Seen, err = h.store.AddressesSeen(ctx, page.Key.WorkspaceID, page.Key.ID, models.AddressesSince(h.store.Now())); err != nil {
		return err
	}
	if page.Form.Preset == allowlist.PresetSeen {
		page.Left = page.Form.Allowlist.Add(page.Seen, page.Form.Errors)
	}
	if page.Form.Preset == apikeys.PresetRateLimit {
		page.Form.RateLimit = strconv.Itoa(page.Busiest.SuggestedRateLimit())
	}
	return web.Render(c, status, apikeys.EditAccess(page))
}

func (h apiKeys) changeAccess(c echo.Context, form apikeys.AccessForm) (next, error) {
	key, err := h.existingKey(c)
	if err != nil {
		return next{}, err
	}
	if form.Preset != "" {
		preset(&form.Access, viewer.Of(c.Request().Context()), key.Scopes)
		form.Errors = models.Fields{}
		return next{}, h.accessForm(c, http.StatusOK, apikeys.AccessPage{Key: key, Form: form})
	}
	if form.Before != apikeys.VersionOf(key) {
		return next{}, h.outdatedAccess(c, key, form)
	}
	access, fields := accessOf(form, key, viewer.Of(c.Request().Context()))
	if len(fields) > 0 {
		return next{}, h.store.CheckKeyAccess(c.Request().Context(), key, access, fields)
	}
	if access.Allowlist != key.Allowlist {
		ctx := c.Request().Context()
		seen, err := h.store.AddressesSeen(ctx, key.WorkspaceID, key.ID, models.AddressesSince(h.store.Now()))
		if err != nil {
			return next{}, err
		}
		list := access.Allowlist.Or(viewer.Of(ctx).KeyPolicy().Allowlist)
		if w := allowlist.WarningsOf(list, seen); w.Unaccepted(form.Allowlist) {
			return next{}, h.accessForm(c, http.StatusUnprocessableEntity, apikeys.AccessPage{Key: key, Form: form, Warnings: w})
		}
	}
	changed, err := h.store.ChangeAPIKeyAccess(c.Request().Context(), key.WorkspaceID, key.ID, key.Access(), access)
	if models.IsKind(err, models.Conflict) {
		if key, err = h.existingKey(c); err != nil {
			return next{}, err
		}
		return next{}, h.outdatedAccess(c, key, form)
	}
	if err != nil {
		return next{}, err
	}
	return next{fmt.Sprintf("Changed the access of “%s”.", ui.Isolate(changed.Name)), in(c).APIKey(key.ID)}, nil
}

// outdatedAccess shows the form again, based on the current scopes.
func (h apiKeys) outdatedAccess(c echo.Context, key *models.APIKey, form apikeys.AccessForm) error {
	form.Before = apikeys.VersionOf(key)
	return h.accessForm(c, http.StatusUnprocessableEntity, apikeys.AccessPage{Key: key, Form: form, Outdated: true})
}

// accessOf returns the access that a form describes, and the errors in the form.
func accessOf(form apikeys.AccessForm, key *models.APIKey, v viewer.Viewer) (models.KeyAccess, models.Fields) {
	access, fields := key.Access(), models.Fields{}
	set, err := v.Scopes.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be from the list"
	}
	access.Scopes, access.RateLimit = set, numberOf(form.RateLimit)
	access.Allowlist = form.List(fields)
	if form.Expiry == apikeys.ExpiryKeep {
		return access, fields
	}
	expiresAt, message := expiryOf(form.Access, v.Now, v.Location)
	if message != "" {
		fields["expires_at"] = message
	}
	access.ExpiresAt = expiresAt
	return access, fields
}
