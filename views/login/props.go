// Package login renders the sign-in page.
package login

import "time"

// Form holds the values and the error of the sign-in form.
type Form struct {
	Email      string        `form:"email"`
	Password   string        `form:"password"`   // never rendered
	Next       string        `form:"next"`       // the page to continue to
	Reason     string        `form:"signed_out"` // for signing in again, as in SignInAgain; may be empty
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`
}
