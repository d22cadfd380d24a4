package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// askAccess shows what a key may do, to be changed.
func (h apiKeys) askAccess(c echo.Context) error {
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	return h.accessForm(c, http.StatusOK, apikeys.AccessPage{Key: key, Form: apikeys.AccessFormOf(key)})
}

// accessForm adds what belongs to the key of page and shows it.
func (h apiKeys) accessForm(c echo.Context, status int, page apikeys.AccessPage) error {
	lease, err := h.store.Lease(c.Request().Context())
	if err != nil {
		return err
	}
	page.InUse, page.Takes = page.Key.InUseAt(h.store.Now()), lease.ChangeTime()
	page.Routes = routesOf(h.opened)
	return web.Render(c, status, apikeys.EditAccess(page))
}

// changeAccess changes what a key may do, and answers when that is in force. What was chosen
// beside scopes that somebody else has changed meanwhile is not saved, but shown with them.
func (h apiKeys) changeAccess(c echo.Context) error {
	var form apikeys.AccessForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	page := apikeys.AccessPage{Key: key, Form: form}
	if form.Preset != "" {
		preset(&page.Form.Access)
		return h.accessForm(c, http.StatusOK, page)
	}
	if form.Before != key.Scopes.String() {
		return h.outdatedAccess(c, page)
	}
	access, fields := accessOf(form, key, viewer.Of(c.Request().Context()))
	err = h.store.CheckKeyAccess(key, access, fields)
	if err == nil {
		_, err = h.store.ChangeAPIKeyAccess(c.Request().Context(), key.WorkspaceID, key.ID, key.Access(), access)
	}
	if models.IsKind(err, models.Conflict) {
		if page.Key, err = h.livingKey(c); err != nil {
			return err
		}
		return h.outdatedAccess(c, page)
	}
	if fields, refused := models.FieldsOf(err); refused {
		page.Form.Errors = fields
		return h.accessForm(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, "The access is saved. Every node goes by it."); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKey(key.ID))
}

// outdatedAccess shows the form of page once more, beside what the key has by now.
func (h apiKeys) outdatedAccess(c echo.Context, page apikeys.AccessPage) error {
	page.Outdated, page.Form.Before = true, page.Key.Scopes.String()
	return h.accessForm(c, http.StatusUnprocessableEntity, page)
}

// accessOf is the access that the form asks for, with complaints about what it cannot mean.
func accessOf(form apikeys.AccessForm, key *models.APIKey, look viewer.Viewer) (models.KeyAccess, models.Fields) {
	access, fields := key.Access(), models.Fields{}
	set, err := scope.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be scopes of the list"
	}
	access.Scopes = set
	if form.Expiry == apikeys.ExpiryKeep {
		return access, fields
	}
	expiresAt, complaint := expiryOf(form.Access, look.Now, look.Location)
	if complaint != "" {
		fields["expires_at"] = complaint
	}
	access.ExpiresAt = expiresAt
	return access, fields
}
