// Package viewer carries the user who views a page, and their preferences, in the context, so that
// pages don't have to pass them to each component.
package viewer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// Theme is a color scheme.
type Theme string

// The themes.
const (
	System Theme = "system"
	Light  Theme = "light"
	Dark   Theme = "dark"
)

// ParseTheme parses a theme from a cookie or a form. It returns System for an unknown theme.
func ParseTheme(name string) Theme {
	switch theme := Theme(name); theme {
	case Light, Dark:
		return theme
	}
	return System
}

// Times is how pages show a point in time.
type Times string

// The ways to show a point in time.
const (
	RelativeTimes Times = "relative" // such as "3 hours ago", with the exact time in a tooltip
	ExactTimes    Times = "exact"    // such as "2 Jan 2006, 15:04 UTC"
)

// ParseTimes parses a way to show times from a cookie or a form. It returns RelativeTimes for an unknown one.
func ParseTimes(name string) Times {
	if Times(name) == ExactTimes {
		return ExactTimes
	}
	return RelativeTimes
}

// Density is how much room a row of a table takes.
type Density string

// The densities.
const (
	Comfortable Density = "comfortable"
	Compact     Density = "compact" // one line
)

// ParseDensity parses a density from a cookie or a form. It returns Comfortable for an unknown one.
func ParseDensity(name string) Density {
	if Density(name) == Compact {
		return Compact
	}
	return Comfortable
}

// Viewer is the user who views a page. Before sign-in, only the preferences and Now are set.
type Viewer struct {
	User        *models.User    // nil before sign-in
	Member      *models.Member  // the membership in the workspace shown; nil without one
	Memberships []models.Member // all workspaces to switch between
	Theme       Theme
	Times       Times          // RelativeTimes if empty
	Density     Density        // of the list of API keys; Comfortable if empty
	Location    *time.Location // the viewer's time zone; UTC until the browser reports it
	Now         time.Time
	Unread      bool           // the member has unread notifications
	Notice      Notice         // shown once, in a toast
	ReturnTo    string         // path and query of this page; empty if it can't be requested again
	Scopes      *scope.Catalog // of this deployment; the built-in ones if nil
	KeyPrefix   string         // of new API keys; the default if empty
	Provider    string         // name of the provider of single sign-on; empty without one
	PublicURL   string         // scheme and host of this deployment, without a trailing slash
}

// CanUsePasskeys reports whether passkeys work at the public URL.
func (v Viewer) CanUsePasskeys() bool { return models.RelyingPartyOf(v.PublicURL) != nil }

// KeyPolicy returns the policy of the workspace shown.
func (v Viewer) KeyPolicy() models.KeyPolicy {
	if v.Member == nil {
		return models.DefaultKeyPolicy
	}
	return v.Member.Workspace.KeyPolicy
}

// May reports whether the viewer has a permission in the workspace shown.
func (v Viewer) May(permission models.Permission) bool {
	return v.Member != nil && v.Member.May(permission)
}

// Ungrantable returns the scopes that the viewer can't give a key.
func (v Viewer) Ungrantable() scope.Set {
	if v.Member == nil {
		return models.Role("").Ungrantable()
	}
	return v.Member.Role.Ungrantable()
}

// Offered returns the scopes that forms offer the viewer for a key that holds some.
func (v Viewer) Offered(held scope.Set) scope.Set {
	return v.Scopes.Offered().Without(v.Ungrantable()).With(held)
}

// MayRotate reports whether the viewer may rotate a key, which gives its scopes to another one.
func (v Viewer) MayRotate(key *models.APIKey) bool {
	return v.May(models.ManageKeys) && key.CanRotateAt(v.Now) && key.Scopes.And(v.Ungrantable()).IsEmpty()
}

// MayOpenTestWorkspace reports whether the viewer can create the test workspace of the one shown, or join it.
func (v Viewer) MayOpenTestWorkspace() bool {
	return v.May(models.ManageWorkspace) && !v.Member.Workspace.IsTest() && !slices.ContainsFunc(v.Memberships, func(m models.Member) bool {
		return m.Workspace.LiveWorkspaceID != nil && *m.Workspace.LiveWorkspaceID == v.Member.WorkspaceID
	})
}

type contextKey struct{}

// With returns a context that carries v.
func With(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// Of returns the viewer that ctx carries.
func Of(ctx context.Context) Viewer {
	v, ok := ctx.Value(contextKey{}).(Viewer)
	if !ok {
		v = Viewer{Theme: System, Location: time.UTC}
	}
	if v.Scopes == nil {
		v.Scopes = scope.Builtin
	}
	v.KeyPrefix = cmp.Or(v.KeyPrefix, token.DefaultPrefix)
	return v
}
