package login

import (
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/views/ui"
)

// message is what is wrong, and how long to wait if one has to.
func (f Form) message() string {
	if f.RetryAfter <= 0 {
		return f.Error
	}
	return f.Error + " Please wait " + waitingTime(f.RetryAfter) + ", then try again."
}

// waitingTime is a duration in words, never less than it takes.
func waitingTime(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	if seconds <= 90 {
		return ui.Plural(seconds, "second")
	}
	minutes := (seconds + 59) / 60
	return ui.Plural(minutes, "minute")
}

// described ties the message to the fields.
func (f Form) described() templ.Attributes {
	if f.message() == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": "sign-in-error"}
}
