package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// rotation renders the rotation of a key, or the form that starts one, which requires ManageKeys. It returns 204 to a page that
// already shows the current state.
func (h apiKeys) rotation(c echo.Context) error {
	r, err := h.store.Rotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if models.IsKind(err, models.NotFound) {
		return web.Require(models.ManageKeys)(h.rotate().ask)(c)
	}
	if err != nil {
		return err
	}
	page := apikeys.RotationPage{Rotation: *r}
	if web.ForPart(c) && c.QueryParam("seen") == page.Version() {
		return c.NoContent(http.StatusNoContent)
	}
	return web.Render(c, http.StatusOK, apikeys.Rotation(page))
}

// rotate creates the replacement of a key and shows it once. It does not redirect on success,
// because the key can't be read later.
func (h apiKeys) rotate() change[*models.APIKey, apikeys.RotateForm] {
	return change[*models.APIKey, apikeys.RotateForm]{
		subject: h.rotatableKey,
		form: func(key *models.APIKey) apikeys.RotateForm {
			return apikeys.RotateForm{FormID: rand.Text(), Access: apikeys.Access{Scopes: h.store.Scopes().Names(key.Scopes), Expiry: apikeys.ExpiryKeep}}
		},
		show:  h.rotateForm,
		apply: h.createReplacement,
	}
}

// rotatableKey returns the key that the path names, if it can be rotated.
func (h apiKeys) rotatableKey(c echo.Context) (*models.APIKey, error) {
	key, err := h.existingKey(c)
	if err != nil {
		return nil, err
	}
	return key, h.store.CheckReplacement(c.Request().Context(), key, models.NewReplacement{}, models.Fields{})
}

// rotateForm shows the form with how often each scope of the key was used.
func (h apiKeys) rotateForm(c echo.Context, status int, key *models.APIKey, form apikeys.RotateForm, r rejection) error {
	ctx := c.Request().Context()
	uses, err := h.store.ScopeUses(ctx, key.WorkspaceID, key.ID, lately(ctx))
	if err != nil {
		return err
	}
	form.Errors, form.Message = r.fields, r.message
	page := apikeys.RotatePage{Key: key, Form: form, Uses: uses}
	if form.Preset == apikeys.PresetUsed {
		page.LeaveOutUnused(h.store.Scopes())
	}
	return web.Render(c, status, apikeys.Rotate(page))
}

func (h apiKeys) createReplacement(c echo.Context, form apikeys.RotateForm) (next, error) {
	ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
	if form.Preset != "" {
		key, err := h.existingKey(c)
		if err != nil {
			return next{}, err
		}
		return next{}, h.rotateForm(c, http.StatusOK, key, form, rejection{})
	}
	replacement, fields := newReplacement(ctx, form)
	if len(fields) > 0 {
		key, err := h.existingKey(c)
		if err != nil {
			return next{}, err
		}
		return next{}, h.store.CheckReplacement(ctx, key, replacement, fields)
	}
	key, secret, err := h.store.RotateAPIKey(ctx, workspaceID, id, replacement)
	if errors.Is(err, models.ErrFormAlreadyUsed) {
		return next{"This key was already rotated and the new key was shown once. If you didn’t copy it, cancel this rotation and start again.", in(c).APIKeyRotation(id)}, nil
	}
	if err != nil {
		return next{}, err
	}
	return next{}, web.Render(c, http.StatusCreated, apikeys.Created(apikeys.CreatedPage{Key: key, Secret: secret.Reveal()}))
}

// newReplacement returns the replacement that a form describes, and the errors in the form.
func newReplacement(ctx context.Context, form apikeys.RotateForm) (models.NewReplacement, models.Fields) {
	replacement, fields := models.NewReplacement{FormID: form.FormID}, models.Fields{}
	set, err := viewer.Of(ctx).Scopes.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be from the list"
	}
	replacement.Scopes = models.To(set)
	if form.FormID == "" {
		fields["form_id"] = "is missing; reload the page and try again"
	}
	if form.Expiry == apikeys.ExpiryKeep {
		return replacement, fields
	}
	v := viewer.Of(ctx)
	expiresAt, message := expiryOf(form.Access, v.Now, v.Location)
	if message != "" {
		fields["expires_at"] = message
	}
	replacement.ExpiresAt = models.To(expiresAt)
	return replacement, fields
}

// rotationInProgress returns the rotation that the path names, if it is not over.
func (h apiKeys) rotationInProgress(c echo.Context) (*models.Rotation, error) {
	r, err := h.store.Rotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err == nil && !r.Old.IsRotating() {
		return nil, models.Errorf(models.NotFound, "This rotation has ended.")
	}
	return r, err
}

// addRotationHistory adds the rotation history of the key, with the recent requests of each key in it.
func (h apiKeys) addRotationHistory(ctx context.Context, page *apikeys.DetailPage) error {
	history, err := h.store.RotationHistory(ctx, page.Key)
	if err != nil || len(history) < 2 {
		return err
	}
	totals, err := h.store.UsageTotals(ctx, page.Key.WorkspaceID, models.APIKeyIDs(history), lately(ctx))
	if err != nil {
		return err
	}
	page.RotationHistory, page.RotationUse = history, make(map[string]int64, len(totals))
	for id, total := range totals {
		page.RotationUse[id] = total.Requests
	}
	return nil
}
