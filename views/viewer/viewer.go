// Package viewer is the person who looks at a page, and how they want to see it. It travels in
// the context, so that a page need not hand it down to every part of itself.
package viewer

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
)

// Theme is light, dark, or as the system has it.
type Theme string

// The themes.
const (
	System Theme = "system"
	Light  Theme = "light"
	Dark   Theme = "dark"
)

// ParseTheme reads a theme from a cookie or a form; what is no theme is System.
func ParseTheme(word string) Theme {
	switch theme := Theme(word); theme {
	case Light, Dark:
		return theme
	}
	return System
}

// Viewer is who looks at a page. Before sign-in only Theme, Location and Now are set.
type Viewer struct {
	User        *models.User    // nil before sign-in
	Member      *models.Member  // the membership in the workspace shown; nil without one
	Memberships []models.Member // all workspaces to switch between
	Theme       Theme
	Location    *time.Location // the viewer's time zone, UTC until the browser has told it
	Now         time.Time
	Notice      string // shown once, in a toast
	Address     string // path and query of this page, to come back to; empty if it cannot be read again
	PublicURL   string // scheme and host under which this deployment is reached, without a slash at the end
}

type contextKey struct{}

// With returns a context in which v looks.
func With(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// Of returns who looks in ctx.
func Of(ctx context.Context) Viewer {
	if v, ok := ctx.Value(contextKey{}).(Viewer); ok {
		return v
	}
	return Viewer{Theme: System, Location: time.UTC}
}
