package keyauth

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// Require returns middleware that passes on only requests whose key is valid and has all scopes with the
// given names. Without names, any valid key is enough. Other requests get the response of the SkipUp API:
// 401, 403, 429, or 503. CallerFrom returns whose key it is.
//
// A scope that isn't in the catalog never lets a request through: each one gets a 500, and the log names
// the scope. Require doesn't fail itself, because operators may add the scope while the service runs.
//
// Requests are counted under the pattern by which an http.ServeMux found the handler, such as
// "GET /orders/{id}", or else under their method and their path, in which IDs are replaced.
//
// If a handler behind Require uses Require of the same Gate again, the request is neither verified nor
// counted twice: the second one only adds its scopes.
func (g *Gate) Require(scopes ...string) func(http.Handler) http.Handler {
	needed := &requirement{names: scopes, text: strings.Join(scopes, " ")}
	if _, err := needed.in(g.source.Scopes()); err != nil {
		g.log.Error("requests are rejected with 500 until the scope exists", "error", err)
	}
	return func(next http.Handler) http.Handler {
		return &guard{gate: g, needed: needed, next: next}
	}
}

// requirement is a list of required scopes.
type requirement struct {
	names  []string
	text   string // the names, separated by spaces
	latest atomic.Pointer[requirementIn]
}

// requirementIn is what a requirement means in a catalog.
type requirementIn struct {
	catalog *scope.Catalog
	scopes  scope.Set
	err     error // an *scope.UnknownError
}

// in returns the required scopes in a catalog. It allocates nothing until there is a new catalog.
func (r *requirement) in(catalog *scope.Catalog) (scope.Set, error) {
	latest := r.latest.Load()
	if latest == nil || latest.catalog != catalog {
		latest = &requirementIn{catalog: catalog}
		latest.scopes, latest.err = catalog.ParseSet(r.names)
		r.latest.Store(latest)
	}
	return latest.scopes, latest.err
}

// guard is a handler behind Require.
type guard struct {
	gate   *Gate
	needed *requirement
	next   http.Handler
	route  atomic.Pointer[knownRoute] // of the last request
}

// ServeHTTP implements http.Handler. It also counts requests whose handler panics.
func (h *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	catalog := h.gate.source.Scopes()
	needed, err := h.needed.in(catalog)
	if err != nil {
		h.gate.log.ErrorContext(r.Context(), "the service requires a scope that doesn't exist; add it, or correct its name", slog.Any("error", err))
		send(w, internalError)
		return
	}
	if x := exchangeIn(r.Context(), h.gate); x != nil {
		h.serveInside(x, needed, w, r)
		return
	}
	x := new(exchange)
	w, r = x.begin(h, w, r)
	returned := false
	defer func() { h.count(x, r, returned) }()
	err = h.gate.Admit(r.Context(), &x.gated, w.Header())
	if err == nil {
		err = x.gated.Key.Require(needed, catalog)
	}
	if err == nil {
		h.next.ServeHTTP(w, r)
	} else {
		x.reject(w, err)
	}
	returned = true
}

// serveInside serves a request that another guard of the gate has admitted, and will count.
func (h *guard) serveInside(x *exchange, needed scope.Set, w http.ResponseWriter, r *http.Request) {
	x.route.Store(uint32(h.routeOf(x, r, x.outerScopes)))
	if err := x.gated.Key.Require(needed, h.gate.source.Scopes()); err != nil {
		x.reject(w, err)
		return
	}
	h.next.ServeHTTP(w, r)
}

// count counts a request once its handler has returned or panicked.
func (h *guard) count(x *exchange, r *http.Request, returned bool) {
	if x.gated.Route = Route(x.route.Load()); x.gated.Route == 0 {
		x.gated.Route = h.routeOf(x, r, "")
	}
	var err error
	if rejection := x.rejection.Load(); rejection != nil {
		err = *rejection
	}
	h.gate.Count(&x.gated, x.status(returned), err)
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll() // net/http does so only for the request that it knows
	}
}

// knownRoute is the number of the route of requests with the same method and pattern.
type knownRoute struct {
	method, pattern, outer string
	number                 Route
}

// routeOf returns the route of a request, given the scopes that guards before this one required.
func (h *guard) routeOf(x *exchange, r *http.Request, outer string) Route {
	if r.Pattern == "" {
		var space [256]byte
		return h.gate.RouteOf(x.gated.Key, usage.AppendRoute(space[:0], r.Method, r.URL.Path), h.scopesWith(outer))
	}
	known := h.route.Load()
	if known == nil || known.pattern != r.Pattern || known.method != r.Method || known.outer != outer {
		known = &knownRoute{r.Method, r.Pattern, outer, h.gate.NewRoute(routeName(r.Method, r.Pattern), h.scopesWith(outer))}
		h.route.Store(known)
	}
	return known.number
}

// scopesWith returns the names of the required scopes after those that guards before this one required.
func (h *guard) scopesWith(outer string) string {
	if outer == "" || h.needed.text == "" {
		return outer + h.needed.text
	}
	return outer + " " + h.needed.text
}

// routeName returns the name of a route. A pattern may leave the method open.
func routeName(method, pattern string) string {
	if strings.Contains(pattern, " ") {
		return pattern
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method + " " + pattern
	}
	return "OTHER " + pattern // so that clients can't make up routes
}

// Caller is the API key that a request was sent with.
type Caller struct {
	key    Key
	scopes *scope.Catalog
}

// KeyID returns the ID of the API key, such as "key_01JDN6Y7M8…".
func (c Caller) KeyID() string { return c.key.ID() }

// WorkspaceID returns the ID of the key's workspace.
func (c Caller) WorkspaceID() string { return c.key.WorkspaceID() }

// Scopes returns the names of the key's scopes.
func (c Caller) Scopes() []string { return c.scopes.Names(c.key.scopes) }

// Has reports whether the key has the scope with the given name.
func (c Caller) Has(name string) bool {
	s, known := c.scopes.Parse(name)
	return known && c.key.scopes.Has(s)
}

// CallerFrom returns the caller of a request, given its context. It reports false for a request that
// didn't pass through Require.
func CallerFrom(ctx context.Context) (caller Caller, ok bool) {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return Caller{}, false
	}
	return Caller{key: x.gated.Key, scopes: x.gate.source.Scopes()}, true
}
