package dashboard

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/web"
)

// apiKeys is Settings > API Keys.
type apiKeys struct {
	store  *models.Store
	opened api.Table
}

// historyLength is how many events a key's page shows.
const historyLength = 50

func (h apiKeys) list(c echo.Context) error {
	var query apikeys.Query
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &query); err != nil {
		return err
	}
	query.Page = max(query.Page, 1)
	list, err := h.store.APIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID, filterOf(query))
	if err != nil {
		return err
	}
	page := apikeys.ListPage{Query: query, List: list, Env: h.store.KeyEnvironment()}
	if page.Evidence, err = h.evidence(c, query, list.Keys); err != nil {
		return err
	}
	if query.Page > page.Pages() {
		query.Page = page.Pages()
		return web.Redirect(c, query.Address())
	}
	if page.Usage, err = h.recentUsage(c, list.Keys...); err != nil {
		return err
	}
	if page.OldKeys, err = h.store.ReplacedKeyIDs(c.Request().Context(), web.CallerOf(c).WorkspaceID, list.Keys); err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, apikeys.List(page))
}

// filterOf is what the address asks of the Store. A word that means nothing asks for nothing.
func filterOf(query apikeys.Query) models.APIKeyFilter {
	filter := models.APIKeyFilter{
		Search:     query.Search,
		Status:     models.KeyStatus(query.State),
		Finding:    apikeys.FindingOf(query.Review),
		Sort:       models.APIKeySort(query.Sort),
		Ascending:  query.Order == "asc",
		PageNumber: query.Page,
		PageSize:   apikeys.PageSize,
	}
	if s, known := scope.Parse(query.Scope); known {
		filter.Scope = &s
	}
	return filter
}

// ask shows an empty form.
func (h apiKeys) ask(c echo.Context) error {
	return h.form(c, http.StatusOK, apikeys.Form{FormID: rand.Text(), Access: apikeys.Access{Expiry: apikeys.DefaultExpiry}})
}

// form shows the form with what is in it.
func (h apiKeys) form(c echo.Context, status int, form apikeys.Form) error {
	existing, err := h.store.APIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID,
		models.APIKeyFilter{Sort: models.SortName, Ascending: true, PageNumber: 1, PageSize: copyChoices})
	if err != nil {
		return err
	}
	form.Existing = existing.Keys
	return web.Render(c, status, apikeys.New(form))
}

// copyChoices is how many keys the form offers to copy scopes from.
const copyChoices = 200

// applyPreset shows the form again with the scopes of a preset, everything else as typed.
func (h apiKeys) applyPreset(c echo.Context) error {
	var form apikeys.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if form.Preset == apikeys.PresetCopy {
		key, err := h.store.APIKey(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.CopyFrom)
		if models.IsKind(err, models.NotFound) {
			form.Errors = models.Fields{"copy_from": "must be a key of this workspace"}
			return h.form(c, http.StatusUnprocessableEntity, form)
		}
		if err != nil {
			return err
		}
		form.Scopes = key.Scopes.Names()
	} else {
		preset(&form.Access)
	}
	return h.form(c, http.StatusOK, form)
}

// preset ticks the scopes that the button of a preset stands for.
func preset(access *apikeys.Access) {
	switch access.Preset {
	case apikeys.PresetNone:
		access.Scopes = nil
	case apikeys.PresetReadOnly:
		access.Scopes = scope.ReadOnly.Names()
	case apikeys.PresetEverything:
		access.Scopes = scope.All.Names()
	}
}

// create makes a key and shows it once. Bad input gets the form back with 422, everything
// typed still in place. There is no redirect after success: the key cannot be read again.
func (h apiKeys) create(c echo.Context) error {
	var form apikeys.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	wanted, fields := newAPIKey(ctx, form)
	if len(fields) > 0 {
		return h.refuse(c, form, h.store.CheckNewAPIKey(wanted, fields))
	}
	key, secret, err := h.store.CreateAPIKey(ctx, workspaceID, wanted)
	if errors.Is(err, models.ErrFormAlreadyUsed) {
		made, err := h.store.APIKeyByFormID(ctx, workspaceID, form.FormID)
		if err != nil {
			return err
		}
		return web.Render(c, http.StatusOK, apikeys.AlreadyCreated(made))
	}
	if err != nil {
		return h.refuse(c, form, err)
	}
	return web.Render(c, http.StatusCreated, apikeys.Created(apikeys.CreatedPage{Key: key, Secret: secret.Reveal()}))
}

func (h apiKeys) refuse(c echo.Context, form apikeys.Form, err error) error {
	fields, refused := models.FieldsOf(err)
	if !refused {
		return err
	}
	form.Errors = fields
	return h.form(c, http.StatusUnprocessableEntity, form)
}

func (h apiKeys) show(c echo.Context) error {
	key, err := h.key(c)
	if err != nil {
		return err
	}
	return h.detail(c, http.StatusOK, apikeys.DetailPage{Key: key, Name: key.Name})
}

// detail adds what belongs to the key of page and shows it.
func (h apiKeys) detail(c echo.Context, status int, page apikeys.DetailPage) error {
	history, err := h.store.AuditEventsOf(c.Request().Context(), page.Key.WorkspaceID, page.Key.ID, historyLength)
	if err != nil {
		return err
	}
	page.History = history
	usage, err := h.recentUsage(c, *page.Key)
	if err != nil {
		return err
	}
	page.Usage = apikeys.UsageSummary{Total: usage[page.Key.ID], Days: apikeys.UsageDays}
	if err := h.addLineage(c.Request().Context(), &page); err != nil {
		return err
	}
	page.Routes = routesOf(h.opened.OpenTo(page.Key.Scopes))
	return web.Render(c, status, apikeys.Show(page))
}

// routesOf are routes of the API as the pages show them.
func routesOf(table []api.Route) []apikeys.Route {
	routes := make([]apikeys.Route, len(table))
	for i, route := range table {
		routes[i] = apikeys.Route{
			Method: route.Method, Path: api.Base + route.Path, Summary: route.Summary, Name: route.Name(), Scope: route.ScopeWord(),
		}
	}
	return routes
}

func (h apiKeys) rename(c echo.Context) error {
	var form struct {
		Name string `form:"name"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	key, err := h.key(c)
	if err != nil {
		return err
	}
	err = h.store.RenameAPIKey(c.Request().Context(), key.WorkspaceID, key.ID, form.Name)
	if fields, refused := models.FieldsOf(err); refused {
		return h.detail(c, http.StatusUnprocessableEntity, apikeys.DetailPage{Key: key, Name: form.Name, Errors: fields})
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, "The key has its new name."); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKey(key.ID))
}

// askDeletion says what the deletion of a key would mean, before it is done.
func (h apiKeys) askDeletion(c echo.Context) error {
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	if key.IsRotating() {
		return h.askRotationEnd(c)
	}
	return h.confirmDeletion(c, http.StatusOK, apikeys.DeletePage{Key: key, InUse: key.InUseAt(h.store.Now())})
}

// confirmDeletion shows page, with how long the deletion would take.
func (h apiKeys) confirmDeletion(c echo.Context, status int, page apikeys.DeletePage) error {
	lease, err := h.store.Lease(c.Request().Context())
	if err != nil {
		return err
	}
	page.Takes = lease.ChangeTime()
	return web.Render(c, status, apikeys.Delete(page))
}

func (h apiKeys) delete(c echo.Context) error {
	var form struct {
		ConfirmName string `form:"confirm_name"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	if key.IsRotating() {
		return h.endRotation(c)
	}
	if fields, refused := models.FieldsOf(key.ConfirmDeletion(h.store.Now(), form.ConfirmName)); refused {
		return h.confirmDeletion(c, http.StatusUnprocessableEntity,
			apikeys.DeletePage{Key: key, InUse: true, ConfirmName: form.ConfirmName, Errors: fields})
	}
	key, err = h.store.DeleteAPIKey(c.Request().Context(), key.WorkspaceID, key.ID)
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, deletionNotice(key)); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKeys)
}

// deletionNotice is the receipt of a deletion in two sentences; the page of the key has it whole.
func deletionNotice(key *models.APIKey) string {
	receipt, _ := key.DeletionReceipt()
	notice := fmt.Sprintf("%s is deleted. Every node refuses it, since %s after the commit.", key.Name, ui.Milliseconds(receipt.Took))
	if receipt.LastUsedAt == nil {
		return notice + " It was never used."
	}
	return notice
}

// key is the one that the address names, with its last use up to the last second.
func (h apiKeys) key(c echo.Context) (*models.APIKey, error) {
	return h.store.APIKeyWithLastUse(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}

// livingKey is the one that the address names, if it is not deleted yet.
func (h apiKeys) livingKey(c echo.Context) (*models.APIKey, error) {
	key, err := h.key(c)
	if err == nil && key.DeletedAt != nil {
		return nil, models.Errorf(models.NotFound, "This key has been deleted already.")
	}
	return key, err
}
