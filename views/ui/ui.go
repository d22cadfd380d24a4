package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
	"golang.org/x/text/unicode/bidi"

	"github.com/skipup/keys/models"
)

// PanelID is the id of the part of a page that can also be shown in a dialog.
const PanelID = "panel"

// OpensDialog returns the attributes of a link whose page opens in a dialog. Without JavaScript it
// is an ordinary link.
func OpensDialog(url string) templ.Attributes {
	return templ.Attributes{
		"href":          url,
		"hx-get":        url,
		"hx-target":     "#dialog-body",
		"hx-select":     "#" + PanelID,
		"hx-swap":       "innerHTML ignoreTitle:true",
		"hx-sync":       "#dialog-body:drop", // a second response would replace what was entered
		"aria-haspopup": "dialog",
	}
}

// ReplacesPanel returns the attributes of a form whose panel is replaced by the panel of the
// response, including error responses.
func ReplacesPanel() templ.Attributes {
	return templ.Attributes{
		"hx-boost":    "true",
		"hx-target":   "#" + PanelID,
		"hx-select":   "#" + PanelID,
		"hx-swap":     "outerHTML show:none ignoreTitle:true",
		"hx-push-url": "false",
	}
}

// ReplacesMain returns the attributes of a form on a page, whose main part is replaced by that of the response.
// Unlike a form that leaves the page, it keeps what was entered if the session has ended.
func ReplacesMain() templ.Attributes {
	return templ.Attributes{
		"hx-boost":    "true",
		"hx-target":   "#main",
		"hx-select":   "#main",
		"hx-swap":     "outerHTML show:none",
		"hx-push-url": "false",
	}
}

// Unbroken returns a text that stays on one line where it fits, such as the method and the path of a route.
func Unbroken(text string) string { return strings.ReplaceAll(text, " ", "\u00a0") }

// Initial returns the first letter or digit of a name in upper case, or a dot if it has none.
func Initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	if r, _ := utf8.DecodeRuneInString(name); unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != utf8.RuneError {
		return string(r)
	}
	return "·"
}

// Isolate returns name for a sentence of plain text, such as a notice, in which it can't reorder the
// text around it. In HTML, use a bdi element.
func Isolate(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	isRightToLeft := func(r rune) bool {
		properties, _ := bidi.LookupRune(r)
		return properties.Class() == bidi.R || properties.Class() == bidi.AL
	}
	if strings.ContainsFunc(name, isRightToLeft) {
		return "\u2068" + name + "\u2069" // first strong isolate (UAX #9)
	}
	return name
}

func describedBy(ids ...string) string {
	var present []string
	for _, id := range ids {
		if id != "" {
			present = append(present, id)
		}
	}
	return strings.Join(present, " ")
}

// PasswordHelp is the help of a field for a new password.
var PasswordHelp = fmt.Sprintf("At least %d characters. A few random words work well.", models.MinPassword)
