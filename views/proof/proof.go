// Package proof renders the question that comes before a sensitive change.
package proof

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/views/ui"
)

// Page asks a person to prove who they are. Its form repeats the request that it delays.
type Page struct {
	Action       string     // URL of the request
	Fields       url.Values // what was entered, except secrets
	Next         string     // URL to open afterwards, if the request can't be repeated; empty otherwise
	SecondFactor bool       // a code is asked for, otherwise the password
	App          bool       // the code may come from an authenticator app
	Passkey      bool       // the person has a passkey that works at the public URL
	Provided     bool       // the provider of single sign-on is asked instead
	Back         string     // page above
	Into         Part       // what the response replaces
	Error        string
	RetryAfter   time.Duration
}

// Part is what the response to a form replaces.
type Part string

// The parts.
const (
	WholePage Part = "" // for a form that htmx doesn't send
	Panel     Part = "panel"
	Main      Part = "main"
)

// replaces returns the attributes of the form.
func (p Page) replaces() templ.Attributes {
	switch p.Into {
	case Panel:
		return ui.ReplacesPanel()
	case Main:
		return ui.ReplacesMain()
	}
	return templ.Attributes{}
}
