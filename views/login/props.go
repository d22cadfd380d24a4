// Package login renders the pages for signing in and for a forgotten password.
package login

import (
	"time"

	"github.com/skipup/keys/models"
)

// Form holds the values and the error of the sign-in form.
type Form struct {
	Email      string        `form:"email"`
	Password   string        `form:"password"`   // never rendered
	Next       string        `form:"next"`       // the page to continue to
	Reason     string        `form:"signed_out"` // for signing in again, as in SignInAgain; may be empty
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`
}

// CodeForm holds the values and the error of the form that asks for a code after the password.
type CodeForm struct {
	Code       string        `form:"code"` // never rendered
	Next       string        `form:"next"` // the page to continue to
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`
}

// ForgotForm holds the values and the errors of the form for a forgotten password.
type ForgotForm struct {
	Email      string        `form:"email"`
	Errors     models.Fields `form:"-"`
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`
}

// ResetForm holds the values and the errors of the form for a new password.
type ResetForm struct {
	Token    string        `form:"-"` // of the link
	Email    string        `form:"-"`
	Password string        `form:"password"` // never rendered
	Errors   models.Fields `form:"-"`
}
