package login

import (
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// message returns the error, with the time to wait if there is one.
func (f Form) message() string { return withWait(f.Error, f.RetryAfter) }

// withWait returns an error with the time to wait, if there is one.
func withWait(message string, wait time.Duration) string {
	if wait <= 0 {
		return message
	}
	return message + " Try again in " + duration(wait) + "."
}

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

// duration returns d in seconds or minutes, rounded up.
func duration(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	if seconds <= 90 {
		return ui.Plural(seconds, "second")
	}
	minutes := (seconds + 59) / 60
	return ui.Plural(minutes, "minute")
}

// described returns the attributes that tie the message to a field.
func (f Form) described() templ.Attributes {
	if f.message() == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": "sign-in-error"}
}
