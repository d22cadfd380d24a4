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

// PasskeyField is the name of the field for the answer of a passkey, which is JSON.
const PasskeyField = "passkey"

// PasskeyForm holds the values of the form that signs in with a passkey.
type PasskeyForm struct {
	Passkey string `form:"passkey"` // never rendered
	Next    string `form:"next"`    // the page to continue to
}

// CodeForm holds the values and the error of the form that asks for a second factor after the password.
type CodeForm struct {
	Code       string        `form:"code"`    // never rendered
	Passkey    string        `form:"passkey"` // never rendered
	Next       string        `form:"next"`    // the page to continue to
	Error      string        `form:"-"`
	RetryAfter time.Duration `form:"-"`

	HasApp     bool `form:"-"`
	HasPasskey bool `form:"-"` // that works at the public URL
}

func (f CodeForm) title() string {
	switch {
	case f.HasApp:
		return "Enter your code"
	case f.HasPasskey:
		return "Use your passkey"
	}
	return "Enter a recovery code"
}

func (f CodeForm) lead() string {
	switch {
	case f.HasApp && f.HasPasskey:
		return "Use a passkey, or enter the code that your authenticator app shows for SkipUp Keys."
	case f.HasApp:
		return "Open your authenticator app and enter the code it shows for SkipUp Keys."
	case f.HasPasskey:
		return "If you can’t use it here, enter one of your recovery codes."
	}
	return "Your passkeys don’t work at the current address of this server."
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
