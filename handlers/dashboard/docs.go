package dashboard

import (
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/docs"
	"github.com/skipup/keys/web"
)

func guides(c echo.Context) error { return web.RenderCacheable(c, docs.Guides()) }

// reference renders the reference of a resource.
func reference(c echo.Context) error {
	resource, known := docs.ResourceOf(c.Param("resource"))
	if !known {
		return echo.ErrNotFound
	}
	return web.RenderCacheable(c, docs.Show(resource))
}
