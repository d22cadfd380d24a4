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

// action does one thing for a caller.
type action[In, Out any] func(context.Context, web.Caller, In) (Out, error)

// operation is what a route does. Beside the handler it says what the document of the API has
// to say too.
type operation struct {
	handle  echo.HandlerFunc
	status  int          // of success
	in, out reflect.Type // what a request carries; the data, or one of them, of the answer
	meta    reflect.Type // of a list; nil else
	once    bool         // takes an Idempotency-Key
}

// endpoint makes an operation of fn. Path, query and a strictly decoded body are bound to In;
// Out is sent as {"data": …} with status; an error goes to the error handler untouched.
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

// endpointPage makes an operation of fn, which returns one page of a list.
func endpointPage[In, Out any](fn action[In, models.Paged[Out]]) operation {
	return endpointList(func(ctx context.Context, caller web.Caller, in In) (listEnvelope[Out, meta], error) {
		page, err := fn(ctx, caller, in)
		return listEnvelope[Out, meta]{page.Items, metaOf(page)}, err
	})
}

// endpointList is endpointPage for a list that tells more than how to go on.
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

// endpointOnce makes an operation of a function that makes something. A client may send the
// request again with the same Idempotency-Key, and it is still made once: then the function is
// over a Store that is bound to one transaction, in which the answer is kept too.
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
		var made Out
		answer, err := store.Once(ctx, requestOf(c.Request(), caller, key, body), func(tx *models.Store) (models.IdempotentAnswer, error) {
			if made, err = over(tx)(ctx, caller, in); err != nil {
				return models.IdempotentAnswer{}, err
			}
			kept, err := json.Marshal(envelope[any]{withoutSecret(made)})
			if err != nil {
				return models.IdempotentAnswer{}, fmt.Errorf("encode answer: %w", err)
			}
			return models.IdempotentAnswer{Status: status, Body: append(kept, '\n')}, nil
		})
		if err != nil {
			return err
		}
		if answer.Replayed {
			c.Response().Header().Set(headerReplayed, "true")
			return c.JSONBlob(answer.Status, answer.Body)
		}
		return c.JSON(status, envelope[Out]{made})
	}
	return operation{handle: handle, status: status, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), once: true}
}

// nothing is the input or the answer of an endpoint that has none.
type nothing struct{}

type envelope[T any] struct {
	Data T `json:"data"`
}

type listEnvelope[T, M any] struct {
	Data []T `json:"data"`
	Meta M   `json:"meta"`
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
