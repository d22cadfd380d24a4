// Package login draws the sign-in page.
package login

import "time"

// Form is what a person signs in with, and what is wrong with it.
type Form struct {
	Email      string        `form:"email"`
	Password   string        `form:"password"` // never drawn
	Next       string        `form:"next"`     // the page to go on to
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`
}
