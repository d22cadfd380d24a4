package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// VerifyPath is where reverse proxies ask whether a request has a valid key.
const VerifyPath = "/verify"

// Headers of the response to a proxy that asked about a request with a valid key.
const (
	headerKeyID       = "Skipup-Key-Id"
	headerWorkspaceID = "Skipup-Workspace-Id"
	headerScopes      = "Skipup-Scopes"
)

// NewVerifyServer returns a handler that answers reverse proxies at VerifyPath and serves nothing else.
func NewVerifyServer(gate *KeyGate, options Options) http.Handler {
	e, _ := newEcho(options)
	e.Use(jsonErrors)
	e.Any(VerifyPath, gate.verifyForProxy)
	return e
}

// verifyForProxy tells a reverse proxy whether to pass on a request, which has the headers of the original.
// It returns 204 and says in headers whose key it is, or the response of the API to a request that it
// rejects. The query says what the request needs. If it is wrong, the response is 500, so that a mistake
// in the configuration of a proxy never lets a request through.
func (g *KeyGate) verifyForProxy(outer echo.Context) error {
	scopes := g.Scopes()
	needs, err := parseNeeds(outer.Request(), scopes)
	if err != nil {
		return fmt.Errorf("check how the proxy calls %s: %w", VerifyPath, err)
	}
	return g.guard(outer, func(outer echo.Context) error {
		c := outer.(*requestContext)
		c.gated.Route = g.RouteOf(c.gated.Key, needs.route)
		if err := c.gated.Key.RequireNamed(scopes, needs.scopes...); err != nil {
			c.missingScope = needs.route.Scope
			return err
		}
		header := c.Response().Header()
		header.Set(headerKeyID, c.gated.Key.ID())
		header.Set(headerWorkspaceID, c.gated.Key.WorkspaceID())
		header.Set(headerScopes, scopes.Text(c.gated.Key.Scopes()))
		return c.NoContent(http.StatusNoContent)
	})
}

// needs are what a request that a proxy asks about must have, and the route that it is counted under.
type needs struct {
	scopes []string
	route  usage.Route
}

// The parameters of VerifyPath.
const (
	scopeParameter = "scope" // may be repeated; all are required
	routeParameter = "route" // the name of the route in usage reports
	uriParameter   = "uri"   // the path and query of the original request, not escaped; must be last
)

// maxRouteName limits the length of a route's name, in bytes.
const maxRouteName = 200

// parseNeeds returns what the query of a proxy's request asks for. All scopes must be known.
func parseNeeds(r *http.Request, known *scope.Catalog) (needs, error) {
	raw, uri, hasURI := cutURI(r.URL.RawQuery)
	query, err := url.ParseQuery(raw)
	if err != nil {
		return needs{}, errors.New("the query is malformed")
	}
	var n needs
	for name, values := range query {
		switch name {
		case scopeParameter:
			n.scopes = values
		case routeParameter:
			if len(values) > 1 {
				return needs{}, errors.New("the parameter route is repeated")
			}
			if n.route.Name = values[0]; !isRouteName(n.route.Name) {
				return needs{}, fmt.Errorf("the parameter route must have 1 to %d visible characters", maxRouteName)
			}
		default:
			return needs{}, fmt.Errorf("unknown parameter %.64q; the parameters are scope, route, and uri", name)
		}
	}
	for _, name := range n.scopes {
		if _, ok := known.Parse(name); !ok {
			return needs{}, &scope.UnknownError{Name: name}
		}
	}
	n.route.Scope = strings.Join(n.scopes, " ")
	if n.route.Name == "" {
		n.route.Name = routeFor(r, uri, hasURI)
	}
	return n, nil
}

// cutURI cuts the parameter uri off a query. It takes everything after its name, because some proxies
// can only append the path and the query of a request to a prefix.
func cutURI(query string) (before, uri string, found bool) {
	const name = uriParameter + "="
	if strings.HasPrefix(query, name) {
		return "", query[len(name):], true
	}
	return strings.Cut(query, "&"+name)
}

func isRouteName(name string) bool {
	return name != "" && len(name) <= maxRouteName && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// routeFor returns the name of the route of a request that a proxy asks about.
func routeFor(r *http.Request, uri string, hasURI bool) string {
	method := r.Header.Get("X-Forwarded-Method")
	if method == "" {
		method = r.Method
	}
	if !hasURI {
		uri = r.Header.Get("X-Forwarded-Uri")
	}
	if uri == "" {
		return usage.OtherRoutes
	}
	return usage.RouteOf(method, uri)
}
