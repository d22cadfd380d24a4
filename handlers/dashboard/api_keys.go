package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// apiKeys serves the pages under Settings > API keys.
type apiKeys struct {
	store  *models.Store
	routes api.Table // of the API

	untrustedProxy func() string // see web.Server.UntrustedProxy
}

// historyLength is the number of events on the page of a key.
const historyLength = 50

func (h apiKeys) list(c echo.Context) error {
	query, err := apikeys.ParseQuery(in(c), c.QueryParams())
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	list, err := h.store.APIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID, filterOf(query, h.store.Scopes()))
	if err != nil {
		return err
	}
	page := apikeys.ListPage{Query: query, List: list, UntrustedProxy: h.untrustedProxy()}
	if page.Evidence, err = h.evidence(c, query, list.Keys); err != nil {
		return err
	}
	if last := page.Pages().Last; query.Page() > last {
		return web.Redirect(c, query.OnPage(last).URL())
	}
	if page.Usage, err = h.recentUsage(c, list.Keys...); err != nil {
		return err
	}
	if page.Environments, err = h.store.EnvironmentsInUse(c.Request().Context(), web.CallerOf(c).WorkspaceID); err != nil {
		return err
	}
	if page.Owners, err = h.store.AllKeyOwners(c.Request().Context(), web.CallerOf(c).WorkspaceID, list.Keys); err != nil {
		return err
	}
	if page.OldKeys, err = h.store.ReplacedKeyIDs(c.Request().Context(), web.CallerOf(c).WorkspaceID, list.Keys); err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, apikeys.List(page))
}

// filterOf returns the filter for a query. It ignores unknown values.
func filterOf(query ui.ListQuery, scopes *scope.Catalog) models.APIKeyFilter {
	sort, ascending := apikeys.Sorting(query)
	filter := models.APIKeyFilter{
		Search:      query.Search(),
		Status:      models.KeyStatus(query.Get(apikeys.ByStatus)),
		Finding:     apikeys.FindingOf(query.Get(apikeys.ByReview)),
		Owner:       query.Get(apikeys.ByOwner),
		Environment: query.Get(apikeys.ByEnvironment),
		Sort:        sort,
		Ascending:   ascending,
		PageNumber:  query.Page(),
		PageSize:    query.PageSize(),
	}
	if s, known := scopes.Parse(query.Get(apikeys.ByScope)); known {
		filter.Scope = &s
	}
	return filter
}

// ask shows the form for a new key, which is empty or has the values of another key.
func (h apiKeys) ask(c echo.Context) error {
	var form apikeys.Form
	if id := c.QueryParam("from"); id != "" {
		ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
		key, err := h.store.APIKey(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		owners, err := h.store.OwnersOf(ctx, workspaceID, []models.APIKey{*key})
		if err != nil {
			return err
		}
		form = apikeys.FormLike(key, owners.Of(key), viewer.Of(ctx))
	}
	form.FormID = rand.Text()
	return h.form(c, http.StatusOK, form)
}

// form shows the form for a new key.
func (h apiKeys) form(c echo.Context, status int, form apikeys.Form) error {
	found, err := h.store.APIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.APIKeyFilter{
		Search: strings.TrimSpace(form.CopySearch), Sort: models.SortName, Ascending: true, PageNumber: 1, PageSize: apikeys.CopyResults,
	})
	if err != nil {
		return err
	}
	form.Found, form.ServerLimit = found, h.store.KeyRateLimit()
	if form.Environments, err = h.store.EnvironmentsInUse(c.Request().Context(), web.CallerOf(c).WorkspaceID); err != nil {
		return err
	}
	if form.People, err = h.store.PossibleOwners(c.Request().Context(), web.CallerOf(c).WorkspaceID); err != nil {
		return err
	}
	return web.Render(c, status, apikeys.New(form))
}

// applyPreset shows the form again with the scopes of a preset or of another key, or with the keys that
// match a search, and the other values as entered.
func (h apiKeys) applyPreset(c echo.Context) error {
	var form apikeys.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if form.CopyFrom != "" {
		key, err := h.store.APIKey(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.CopyFrom)
		if models.IsKind(err, models.NotFound) {
			form.Errors = models.Fields{"copy_from": "must be in this workspace"}
			return h.form(c, http.StatusUnprocessableEntity, form)
		}
		if err != nil {
			return err
		}
		v := viewer.Of(c.Request().Context())
		form.Scopes, form.CopySearch = v.Scopes.Names(key.Scopes.And(v.Scopes.Active()).Without(v.Ungrantable())), ""
	} else {
		preset(&form.Access, viewer.Of(c.Request().Context()), scope.Set{})
	}
	return h.form(c, http.StatusOK, form)
}

// preset selects the scopes of a preset among those that a form offers the viewer for a key with some scopes.
func preset(access *apikeys.Access, v viewer.Viewer, held scope.Set) {
	offered, scopes := v.Offered(held), v.Scopes
	switch access.Preset {
	case apikeys.PresetNone:
		access.Scopes = nil
	case apikeys.PresetReadOnly:
		access.Scopes = scopes.Names(scopes.ReadOnly(offered))
	case apikeys.PresetEverything:
		access.Scopes = scopes.Names(offered)
	}
}

// create creates a key and shows it once. An invalid form, or one with a warning that wasn't accepted, is shown
// again with 422 and the values entered. It does not redirect on success, because the key can't be read later.
func (h apiKeys) create(c echo.Context) error {
	var form apikeys.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if form.CopySearch != form.CopySearched { // Enter was pressed in the search field
		return h.form(c, http.StatusOK, form)
	}
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	wanted, fields := newAPIKey(ctx, form)
	owner, err := h.store.FindOwner(ctx, workspaceID, form.OwnerID)
	if invalid, is := models.FieldsOf(err); is {
		maps.Copy(fields, invalid)
	} else if err != nil {
		return err
	}
	wanted.OwnerID = owner
	if len(fields) > 0 {
		return h.reject(c, form, h.store.CheckNewAPIKey(ctx, workspaceID, wanted, fields))
	}
	if form.Warnings = allowlist.WarningsOf(wanted.Allowlist, nil); form.Warnings.Unaccepted(form.Allowlist) {
		return h.form(c, http.StatusUnprocessableEntity, form)
	}
	key, secret, err := h.store.CreateAPIKey(ctx, workspaceID, wanted)
	if errors.Is(err, models.ErrFormAlreadyUsed) {
		key, err := h.store.APIKeyByFormID(ctx, workspaceID, form.FormID)
		if err != nil {
			return err
		}
		return web.Render(c, http.StatusOK, apikeys.AlreadyCreated(key))
	}
	if err != nil {
		return h.reject(c, form, err)
	}
	return web.Render(c, http.StatusCreated, apikeys.Created(apikeys.CreatedPage{Key: key, Secret: secret.Reveal()}))
}

// reject shows the form again if err is about its fields.
func (h apiKeys) reject(c echo.Context, form apikeys.Form, err error) error {
	fields, invalid := models.FieldsOf(err)
	if !invalid {
		return err
	}
	form.Errors = fields
	return h.form(c, http.StatusUnprocessableEntity, form)
}

// show renders the page of a key. It returns 204 to a page that waits for the first request if there was no
// request since.
func (h apiKeys) show(c echo.Context) error {
	key, err := h.key(c)
	if err != nil {
		return err
	}
	if seen := c.QueryParam("seen"); seen != "" && web.ForPart(c) {
		ever, err := h.store.RequestsEver(c.Request().Context(), key.WorkspaceID, key.ID)
		if err != nil {
			return err
		}
		if seen == strconv.FormatInt(ever, 10) {
			return c.NoContent(http.StatusNoContent)
		}
	}
	return h.detail(c, http.StatusOK, apikeys.DetailPage{Key: key, Form: apikeys.DetailsFormOf(key)})
}

// detail completes the page of a key and shows it.
func (h apiKeys) detail(c echo.Context, status int, page apikeys.DetailPage) error {
	history, err := h.store.AuditEventsOf(c.Request().Context(), page.Key.WorkspaceID, page.Key.ID, historyLength)
	if err != nil {
		return err
	}
	page.History, page.ServerLimit = history, h.store.KeyRateLimit()
	if page.Environments, err = h.store.EnvironmentsInUse(c.Request().Context(), page.Key.WorkspaceID); err != nil {
		return err
	}
	if page.Owners, err = h.store.OwnersOf(c.Request().Context(), page.Key.WorkspaceID, []models.APIKey{*page.Key}); err != nil {
		return err
	}
	if web.May(c, models.ManageKeys) && page.Key.DeletedAt == nil {
		if page.People, err = h.store.PossibleOwners(c.Request().Context(), page.Key.WorkspaceID); err != nil {
			return err
		}
	}
	if page.Usage, err = h.keyUsage(c, page.Key.ID); err != nil {
		return err
	}
	if err := h.addRotationHistory(c.Request().Context(), &page); err != nil {
		return err
	}
	descendants, err := h.store.Descendants(c.Request().Context(), page.Key.WorkspaceID, []string{page.Key.ID})
	if err != nil {
		return err
	}
	page.Descendants = descendants[page.Key.ID]
	if page.Outside, err = h.outside(c.Request().Context(), page.Key); err != nil {
		return err
	}
	if page.Rejected, err = h.store.RejectedSincePause(c.Request().Context(), page.Key); err != nil {
		return err
	}
	if receipt, deleted := page.Key.DeletionReceipt(); deleted && receipt.EffectiveAt == nil {
		if page.WaitingFor, err = h.store.NodesBehind(c.Request().Context(), page.Key.ChangedEpoch); err != nil {
			return err
		}
	}
	page.Routes = routesOf(h.routes.OpenTo(page.Key.Scopes))
	return web.Render(c, status, apikeys.Show(page))
}

// outside returns the addresses from which requests with a key were lately accepted, although its allowlist, which
// only reports, doesn't have them.
func (h apiKeys) outside(ctx context.Context, key *models.APIKey) ([]models.SeenAddress, error) {
	list := key.Allowlist.Or(viewer.Of(ctx).KeyPolicy().Allowlist)
	if list.Mode != models.AllowlistReportOnly {
		return nil, nil
	}
	seen, err := h.store.AddressesSeen(ctx, key.WorkspaceID, key.ID, models.AddressesSince(h.store.Now()))
	return list.Outside(seen), err
}

// routesOf converts routes of the API for the pages.
func routesOf(table []api.Route) []apikeys.Route {
	routes := make([]apikeys.Route, len(table))
	for i, route := range table {
		routes[i] = apikeys.Route{
			Method: route.Method, Path: api.Base + route.Path, Summary: route.Summary, Name: route.Name(), Scopes: route.Scopes,
		}
	}
	return routes
}

// details edits what only people read of a key.
func (h apiKeys) details() change[*models.APIKey, apikeys.DetailsForm] {
	return change[*models.APIKey, apikeys.DetailsForm]{
		subject: h.existingKey,
		show: func(c echo.Context, status int, key *models.APIKey, form apikeys.DetailsForm, r rejection) error {
			if form.OwnerID == form.OwnerBefore { // there may be another one now
				now := apikeys.DetailsFormOf(key)
				form.OwnerID, form.OwnerBefore = now.OwnerID, now.OwnerBefore
			}
			return h.detail(c, status, apikeys.DetailPage{Key: key, Form: form, Errors: r.fields, Message: r.message})
		},
		apply: func(c echo.Context, form apikeys.DetailsForm) (next, error) {
			ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
			owner, err := h.store.FindOwner(ctx, workspaceID, form.OwnerID)
			if err != nil {
				return next{}, err
			}
			_, err = h.store.UpdateAPIKey(ctx, workspaceID, id, models.KeyUpdate{
				Name: models.To(form.Name), Description: models.To(form.Description), Environment: models.To(form.Environment),
				OwnerID:          models.Change[string]{Given: owner != form.OwnerBefore, Value: owner},
				NotifyNewCallers: models.To(form.NotifyNewCallers),
			})
			return next{"Key details updated", in(c).APIKey(id)}, err
		},
	}
}

// key returns the key that the path names, with its latest use.
func (h apiKeys) key(c echo.Context) (*models.APIKey, error) {
	return h.store.APIKey(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}

// existingKey returns the key that the path names, unless it is deleted.
func (h apiKeys) existingKey(c echo.Context) (*models.APIKey, error) {
	key, err := h.key(c)
	if err == nil && key.DeletedAt != nil {
		at := ui.Exact(*key.DeletedAt, viewer.Of(c.Request().Context()).Location)
		return nil, &web.StaleError{
			Title:   "Already deleted",
			Message: fmt.Sprintf("%s deleted the API key “%s” on %s.", ui.Isolate(key.DeletedByName), ui.Isolate(key.Name), at),
			Link:    in(c).APIKey(key.ID), LinkLabel: "View receipt",
		}
	}
	return key, err
}

// changeTime returns the longest time until a change is in effect on all nodes, if one doesn't answer.
func (h apiKeys) changeTime(c echo.Context) (time.Duration, error) {
	lease, err := h.store.Lease(c.Request().Context())
	return lease.ChangeTime(), err
}
