package api

import "reflect"

// What a route says of itself, for the test of the document.

// Success is the status with which r answers when all is well.
func (r Route) Success() int { return r.status }

// Once reports whether r takes an Idempotency-Key.
func (r Route) Once() bool { return r.once }

// In is what a request to r carries.
func (r Route) In() reflect.Type { return r.in }

// Out is what the data of an answer of r is, or each of it in a list.
func (r Route) Out() reflect.Type { return r.out }

// Meta is what is beside the data of a list; nil if r is none.
func (r Route) Meta() reflect.Type { return r.meta }

// BodyOptional reports whether a request to r may do without a body.
func (r Route) BodyOptional() bool {
	_, optional := reflect.New(r.in).Interface().(interface{ bodyOptional() })
	return optional
}
