package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/allowlist"
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
		apply: h.set,
	}
}

// set changes the policy. If its allowlist would reject callers, or allow everyone, it shows that first.
func (h keyPolicies) set(c echo.Context, form policy.Form) (next, error) {
	ctx, workspace, fields := c.Request().Context(), web.CallerOf(c).WorkspaceID, models.Fields{}
	wanted := policyOf(form)
	wanted.Allowlist = form.List(fields)
	if err := wanted.Check(fields); err != nil {
		return next{}, err
	}
	before, err := h.store.KeyPolicy(ctx, workspace)
	if err != nil {
		return next{}, err
	}
	if wanted.Allowlist != before.Allowlist {
		seen, err := h.store.InheritingAddressesSeen(ctx, workspace, models.AddressesSince(h.store.Now()))
		if err != nil {
			return next{}, err
		}
		if w := allowlist.WarningsOf(wanted.Allowlist, seen); w.Unaccepted(form.Allowlist) {
			return next{}, web.Render(c, http.StatusUnprocessableEntity, policy.Show(policy.Page{Form: form, Warnings: w}))
		}
	}
	_, err = h.store.SetKeyPolicy(ctx, workspace, wanted)
	return next{"Policy updated", in(c).Policy()}, err
}

// policyOf returns the policy that a form describes.
func policyOf(form policy.Form) models.KeyPolicy {
	p := models.KeyPolicy{
		ExpiryRequired: form.Lifetime != policy.LifetimeAny, DefaultDays: numberOf(form.DefaultDays),
		ReviewUnusedDays: numberOf(form.ReviewUnusedDays), ReviewIdleDays: numberOf(form.ReviewIdleDays), ReviewOldDays: numberOf(form.ReviewOldDays),
		SecondFactorRequired: form.SecondFactorRequired, SingleSignOnRequired: form.SingleSignOnRequired,
	}
	if form.Lifetime == policy.LifetimeLimited {
		if p.MaxDays = numberOf(form.MaxDays); p.MaxDays == 0 {
			p.MaxDays = invalidNumber
		}
	}
	return p
}
