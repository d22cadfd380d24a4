package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// endpoint makes an Echo handler of fn. Path, query and a strictly decoded body are bound to
// In; Out is sent as {"data": …} with status; an error goes to the error handler untouched.
func endpoint[In, Out any](status int, fn func(context.Context, web.Caller, In) (Out, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		var in In
		if err := bind(c, &in); err != nil {
			return err
		}
		out, err := fn(web.ContextOf(c), web.CallerOf(c), in)
		if err != nil {
			return err
		}
		if status == http.StatusNoContent {
			return c.NoContent(status)
		}
		return c.JSON(status, struct {
			Data Out `json:"data"`
		}{out})
	}
}

// endpointPage makes an Echo handler of fn, which returns one page of a list.
func endpointPage[In, Out any](fn func(context.Context, web.Caller, In) (models.Paged[Out], error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		var in In
		if err := bind(c, &in); err != nil {
			return err
		}
		page, err := fn(web.ContextOf(c), web.CallerOf(c), in)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, listEnvelope[Out]{Data: page.Items, Meta: metaOf(page)})
	}
}

// nothing is the input or the answer of an endpoint that has none.
type nothing struct{}

type listEnvelope[T any] struct {
	Data []T  `json:"data"`
	Meta meta `json:"meta"`
}

// meta tells a client how to go on. All three members are always there (API contract §3).
type meta struct {
	Limit      int     `json:"limit"`
	HasMore    bool    `json:"has_more"`
	NextCursor *string `json:"next_cursor"`
}

func metaOf[T any](page models.Paged[T]) meta {
	m := meta{Limit: page.Limit, HasMore: page.NextCursor != ""}
	if m.HasMore {
		m.NextCursor = &page.NextCursor
	}
	return m
}

// presentAll turns a page of rows into a page of what the wire carries.
func presentAll[Row, Wire any](page models.Paged[Row], present func(*Row) Wire) models.Paged[Wire] {
	wire := models.Paged[Wire]{Items: make([]Wire, 0, len(page.Items)), Limit: page.Limit, NextCursor: page.NextCursor}
	for i := range page.Items {
		wire.Items = append(wire.Items, present(&page.Items[i]))
	}
	return wire
}
