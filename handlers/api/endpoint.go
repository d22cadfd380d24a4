package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// action is an operation for a caller, without HTTP.
type action[In, Out any] func(context.Context, web.Caller, In) (Out, error)

// operation is the handler of a route, together with what a test compares with the OpenAPI
// document.
type operation struct {
	handle  echo.HandlerFunc
	status  int          // of success
	in, out reflect.Type // types of the input and of the data, or of one item of a list
	meta    reflect.Type // type of the meta of a list; nil if it isn't a list
	once    bool         // accepts an Idempotency-Key
}

// endpoint returns an operation that binds the path, query and body of a request to In, calls fn,
// and sends Out as {"data": …} with status.
func endpoint[In, Out any](status int, fn action[In, Out]) operation {
	handle := func(c echo.Context) error {
		var in In
		if _, err := bind(c, &in); err != nil {
			return err
		}
		out, err := fn(web.ContextOf(c), web.CallerOf(c), in)
		if err != nil {
			return err
		}
		if status == http.StatusNoContent {
			return c.NoContent(status)
		}
		return c.JSON(status, envelope[Out]{out})
	}
	return operation{handle: handle, status: status, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// endpointPage returns an operation for fn, which returns one page of a list.
func endpointPage[In, Out any](fn action[In, models.Paged[Out]]) operation {
	return endpointList(func(ctx context.Context, caller web.Caller, in In) (listEnvelope[Out, meta], error) {
		page, err := fn(ctx, caller, in)
		return listEnvelope[Out, meta]{page.Items, metaOf(page)}, err
	})
}

// endpointList returns an operation for fn, which returns a list whose meta contains more than
// paging.
func endpointList[In, Out, Meta any](fn action[In, listEnvelope[Out, Meta]]) operation {
	handle := func(c echo.Context) error {
		var in In
		if _, err := bind(c, &in); err != nil {
			return err
		}
		list, err := fn(web.ContextOf(c), web.CallerOf(c), in)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, list)
	}
	return operation{
		handle: handle, status: http.StatusOK,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), meta: reflect.TypeFor[Meta](),
	}
}

// endpointOnce returns an operation that creates something at most once for each Idempotency-Key.
// If the client sends one, the function that over returns runs in a transaction, which also stores
// the response for repeated requests.
func endpointOnce[In, Out any](store *models.Store, status int, over func(*models.Store) action[In, Out]) operation {
	handle := func(c echo.Context) error {
		var in In
		body, err := bind(c, &in)
		if err != nil {
			return err
		}
		key, given, err := idempotencyKey(c.Request())
		if err != nil {
			return err
		}
		ctx, caller := web.ContextOf(c), web.CallerOf(c)
		if !given {
			out, err := over(store)(ctx, caller, in)
			if err != nil {
				return err
			}
			return c.JSON(status, envelope[Out]{out})
		}
		var created Out
		answer, err := store.Once(ctx, requestOf(c.Request(), caller, key, body), func(tx *models.Store) (models.IdempotentResponse, error) {
			if created, err = over(tx)(ctx, caller, in); err != nil {
				return models.IdempotentResponse{}, err
			}
			stored, err := json.Marshal(envelope[any]{withoutSecret(created)})
			if err != nil {
				return models.IdempotentResponse{}, fmt.Errorf("encode response: %w", err)
			}
			return models.IdempotentResponse{Status: status, Body: append(stored, '\n')}, nil
		})
		if err != nil {
			return err
		}
		if answer.Replayed {
			c.Response().Header().Set(headerReplayed, "true")
			return c.JSONBlob(answer.Status, answer.Body)
		}
		return c.JSON(status, envelope[Out]{created})
	}
	return operation{handle: handle, status: status, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), once: true}
}

// nothing is the input or output of an endpoint that has none.
type nothing struct{}

type envelope[T any] struct {
	Data T `json:"data"`
}

type listEnvelope[T, M any] struct {
	Data []T `json:"data"`
	Meta M   `json:"meta"`
}

// meta is the paging information of a list. All three fields are always present.
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

// wirePage converts a page of rows to wire types.
func wirePage[Row, Wire any](page models.Paged[Row], convert func(*Row) Wire) models.Paged[Wire] {
	wire := models.Paged[Wire]{Items: make([]Wire, 0, len(page.Items)), Limit: page.Limit, NextCursor: page.NextCursor}
	for i := range page.Items {
		wire.Items = append(wire.Items, convert(&page.Items[i]))
	}
	return wire
}
