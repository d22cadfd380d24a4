package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Group is a group of routes with common middleware, which also runs for paths and methods that
// no route takes: those return 404 and 405 in the form of the group.
type Group struct {
	*echo.Group
	echo   *echo.Echo
	prefix string
	routes *echo.Router // the routes of this group, without the catch-all
}

func newGroup(e *echo.Echo, routes *echo.Group, prefix string) *Group {
	g := &Group{Group: routes, echo: e, prefix: prefix, routes: echo.NewRouter(e)}
	g.RouteNotFound("", g.noRoute)
	g.RouteNotFound("/*", g.noRoute)
	return g
}

// Add adds a route. A route for GET also takes HEAD, for which net/http omits the body (RFC 9110
// §9.3.2).
func (g *Group) Add(method, path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) {
	if method == http.MethodGet {
		g.Add(http.MethodHead, path, handler, middleware...)
	}
	g.Group.Add(method, path, handler, middleware...)
	g.routes.Add(method, g.prefix+path, handler)
}

// noRoute returns 404, or 405 if the path takes other methods. Echo's router can't do this
// itself, because it prefers a catch-all to a 405.
func (g *Group) noRoute(c echo.Context) error {
	request := c.Request()
	match := g.echo.AcquireContext()
	defer g.echo.ReleaseContext(match)
	match.Reset(request, c.Response())
	g.routes.Find(request.Method, echo.GetPath(request), match)
	c.SetPath(match.Path())
	if allow := match.Get(echo.ContextKeyHeaderAllow); allow != nil {
		c.Set(echo.ContextKeyHeaderAllow, allow)
	}
	return match.Handler()(c)
}
