package dashboard

import (
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/policy"
	"github.com/skipup/keys/web"
)

// keyPolicies serves Settings > Policy.
type keyPolicies struct{ store *models.Store }

// edit shows and changes the policy of the workspace.
func (h keyPolicies) edit() change[models.KeyPolicy, policy.Form] {
	return change[models.KeyPolicy, policy.Form]{
		subject: func(c echo.Context) (models.KeyPolicy, error) {
			return h.store.KeyPolicy(c.Request().Context(), web.CallerOf(c).WorkspaceID)
		},
		form: policy.FormOf,
		show: func(c echo.Context, status int, _ models.KeyPolicy, form policy.Form, r rejection) error {
			review, err := h.store.ReviewAPIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID)
			if err != nil {
				return err
			}
			page := policy.Page{Form: form, Over: review.Counts[models.FindLifetime], Errors: r.fields, Message: r.message}
			return web.Render(c, status, policy.Show(page))
		},
		apply: func(c echo.Context, form policy.Form) (next, error) {
			_, err := h.store.SetKeyPolicy(c.Request().Context(), web.CallerOf(c).WorkspaceID, policyOf(form))
			return next{"Policy updated", path.Policy}, err
		},
	}
}

// policyOf returns the policy that a form describes.
func policyOf(form policy.Form) models.KeyPolicy {
	p := models.KeyPolicy{
		ExpiryRequired: form.Lifetime != policy.LifetimeAny, DefaultDays: numberOf(form.DefaultDays),
		ReviewUnusedDays: numberOf(form.ReviewUnusedDays), ReviewIdleDays: numberOf(form.ReviewIdleDays), ReviewOldDays: numberOf(form.ReviewOldDays),
		SecondFactorRequired: form.SecondFactorRequired,
	}
	if form.Lifetime == policy.LifetimeLimited {
		if p.MaxDays = numberOf(form.MaxDays); p.MaxDays == 0 {
			p.MaxDays = invalidNumber
		}
	}
	return p
}
