package login

import (
	"github.com/a-h/templ"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// message returns the error, with the time to wait if there is one.
func (f Form) message() string { return ui.WithWait(f.Error, f.RetryAfter) }

// reason explains why someone has to sign in again, or returns "".
func (f Form) reason() string {
	switch f.Reason {
	case path.FormNotSent:
		return "You were signed out, so the form wasn’t submitted. Sign in to go back to it."
	case path.FormKept:
		return "Sign in, then go back to the other tab and submit the form again."
	case path.NewPassword:
		return "Password changed. Sign in with your new password."
	case path.CodeExpired:
		return "You took too long to enter the code. Sign in again."
	}
	return ""
}

// emailAutocomplete returns what browsers suggest for the email: passkeys too, if they work.
func emailAutocomplete(passkeys bool) string {
	if passkeys {
		return "username webauthn"
	}
	return "username"
}

// described returns the attributes that tie the message to a field.
func (f Form) described() templ.Attributes {
	if f.message() == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": "sign-in-error"}
}
