package api

import "reflect"

// Properties of routes, for the tests of the OpenAPI document.

// Success returns the status of a successful response.
func (r Route) Success() int { return r.status }

// Once reports whether r accepts an Idempotency-Key.
func (r Route) Once() bool { return r.once }

// In returns the type of the input of r.
func (r Route) In() reflect.Type { return r.in }

// Out returns the type of the data in a response, or of one item of a list.
func (r Route) Out() reflect.Type { return r.out }

// Meta returns the type of the meta of a list, or nil if r is none.
func (r Route) Meta() reflect.Type { return r.meta }

// BodyOptional reports whether the body of a request to r may be omitted.
func (r Route) BodyOptional() bool {
	_, optional := reflect.New(r.in).Interface().(interface{ bodyOptional() })
	return optional
}
