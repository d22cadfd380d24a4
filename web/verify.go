package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
)

// VerifyPath is where reverse proxies ask whether a request has a valid key.
const VerifyPath = "/verify"

// Headers of the response to a proxy that asked about a request with a valid key.
const (
	headerKeyID       = "Skipup-Key-Id"
	headerWorkspaceID = "Skipup-Workspace-Id"
	headerScopes      = "Skipup-Scopes"
	headerMode        = "Skipup-Mode"
)

// NewVerifyServer returns a Server without pages and the API.
func NewVerifyServer(gate *KeyGate, options Options) *Server {
	e, addresses := newEcho(gate, options)
	e.Use(jsonErrors)
	e.Any(VerifyPath, gate.verifyForProxy)
	return &Server{Echo: e, addresses: addresses, Nodes: newNodeGroup(e, gate), Verify: newVerifyGroup(e, gate)}
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
		key := c.gated.Key
		var space [maxRouteName]byte
		c.gated.Route = g.RouteOf(key, needs.appendRoute(space[:0], c.Request()), needs.scopeNames)
		if err := key.Require(needs.scopes, scopes); err != nil {
			c.missingScope = needs.scopeNames
			return err
		}
		text, _ := keyauth.Bearer(c.Request().Header["Authorization"]) // it has a key
		setIdentity(c, scopes.Text(key.Scopes()), token.ModeOf(text))
		return c.NoContent(http.StatusNoContent)
	})
}

// setIdentity sets the header fields that say whose key it is. They replace those for browsers: a map of more
// than eight fields is larger, and a proxy waits for the response of each request.
func setIdentity(c *requestContext, scopes string, mode token.Mode) {
	header := c.Response().Header()
	for _, field := range browserFields {
		delete(header, field)
	}
	key, workspace := c.keyIDs()
	values := []string{key, workspace, scopes, string(mode)} // one allocation for all fields
	header[headerKeyID], header[headerWorkspaceID] = values[0:1:1], values[1:2:2]
	header[headerScopes], header[headerMode] = values[2:3:3], values[3:]
}

// needs are what a request that a proxy asks about must have, and what its route is made from.
type needs struct {
	scopes     scope.Set
	scopeNames string // separated by spaces
	route      string // empty if there is no parameter
	uri        string
	hasURI     bool
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
func parseNeeds(r *http.Request, known *scope.Catalog) (n needs, err error) {
	query, uri, hasURI := cutURI(r.URL.RawQuery)
	n.uri, n.hasURI = uri, hasURI
	for query != "" { // url.ParseQuery would take as long as the verification
		var pair string
		if pair, query, _ = strings.Cut(query, "&"); pair == "" {
			continue
		}
		name, value, err := unescapePair(pair)
		if err != nil {
			return needs{}, errors.New("the query is malformed")
		}
		if err := n.add(name, value, known); err != nil {
			return needs{}, err
		}
	}
	return n, nil
}

// unescapePair returns the name and the value of a parameter, as url.ParseQuery does.
func unescapePair(pair string) (name, value string, err error) {
	if strings.Contains(pair, ";") {
		return "", "", errors.New("semicolon in a query")
	}
	name, value, _ = strings.Cut(pair, "=")
	if name, err = url.QueryUnescape(name); err != nil {
		return "", "", err
	}
	value, err = url.QueryUnescape(value)
	return name, value, err
}

func (n *needs) add(name, value string, known *scope.Catalog) error {
	switch name {
	case scopeParameter:
		s, ok := known.Parse(value)
		if !ok {
			return &scope.UnknownError{Name: value}
		}
		n.scopes = n.scopes.With(scope.Of(s))
		if n.scopeNames != "" {
			value = n.scopeNames + " " + value
		}
		n.scopeNames = value
	case routeParameter:
		if n.route != "" {
			return errors.New("the parameter route is repeated")
		}
		if n.route = value; !IsRouteName(value) {
			return fmt.Errorf("the parameter route must have 1 to %d visible characters", maxRouteName)
		}
	default:
		return fmt.Errorf("unknown parameter %.64q; the parameters are scope, route, and uri", name)
	}
	return nil
}

// appendRoute appends the name of the route of a request that a proxy asks about.
func (n needs) appendRoute(name []byte, r *http.Request) []byte {
	if n.route != "" {
		return append(name, n.route...)
	}
	method, uri := cmp.Or(r.Header.Get("X-Forwarded-Method"), r.Method), n.uri
	if !n.hasURI {
		uri = r.Header.Get("X-Forwarded-Uri")
	}
	if uri == "" {
		return append(name, usage.OtherRoutes...)
	}
	return usage.AppendRoute(name, method, uri)
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

// IsRouteName reports whether a request may give its route this name.
func IsRouteName(name string) bool {
	return name != "" && len(name) <= maxRouteName && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
