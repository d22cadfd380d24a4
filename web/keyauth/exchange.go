package keyauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
)

// exchange is a request that passes through Require, and its response. It is also the context of the
// request that handlers get.
//
// It is never reused: a handler may keep the context or the request for longer than the request lasts, as
// http.TimeoutHandler does, and must not find the caller of another request in it.
type exchange struct {
	context.Context // of the request before Require
	gate            *Gate
	gated           Request
	request         http.Request // that handlers get
	writer          fullWriter   // that handlers get

	// A guard behind http.TimeoutHandler may set these after the request was counted.
	route       atomic.Uint32 // from the innermost guard; 0 for none
	rejection   atomic.Pointer[error]
	outerScopes string // required by the outermost guard
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// exchangeIn returns the exchange in a context, or nil if there is none of the gate.
func exchangeIn(ctx context.Context, gate *Gate) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok && x.gate == gate {
		return x
	}
	return nil
}

// begin fills the exchange, and returns the response and the request that handlers get.
func (x *exchange) begin(h *guard, w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	x.Context, x.gate, x.outerScopes = r.Context(), h.gate, h.needed.text
	x.gated.Header, x.gated.Address = r.Header, h.gate.addresses.Of(r)
	x.request = *r.WithContext(x)
	return x.writer.around(w), &x.request
}

// reject sends the response for an error of Admit or Key.Require.
func (x *exchange) reject(w http.ResponseWriter, err error) {
	rejected := err // so that only rejections allocate
	x.rejection.Store(&rejected)
	problem, known := ProblemOf(err)
	if !known {
		x.gate.log.ErrorContext(x.Context, "the API key of a request can't be verified", slog.Any("error", err))
		problem = internalError
	}
	send(w, problem)
}

// status returns the status of the response, given whether the handler returned or panicked.
func (x *exchange) status(returned bool) int {
	switch {
	case x.writer.status != 0:
		return x.writer.status
	case errors.Is(x.Context.Err(), context.Canceled):
		return StatusClientGone
	case !returned:
		return http.StatusInternalServerError
	}
	return http.StatusOK // which net/http sends
}
