// Package ui is the small parts that pages are made of.
package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
)

// PanelID is the id of the one part of a page that can also be shown in a dialog, and that a
// form in it replaces by the answer.
const PanelID = "panel"

// OpensDialog are the attributes of a link whose page is shown in a dialog. Without the
// script it is a link like any other.
func OpensDialog(address string) templ.Attributes {
	return templ.Attributes{
		"href":          address,
		"hx-get":        address,
		"hx-target":     "#dialog-body",
		"hx-select":     "#" + PanelID,
		"hx-swap":       "innerHTML ignoreTitle:true",
		"aria-haspopup": "dialog",
	}
}

// ReplacesPanel are the attributes of a form in a panel, on a page of its own or in a dialog:
// the panel of the answer takes the place of the form's own, whatever the status.
func ReplacesPanel() templ.Attributes {
	return templ.Attributes{
		"hx-boost":    "true",
		"hx-target":   "#" + PanelID,
		"hx-select":   "#" + PanelID,
		"hx-swap":     "outerHTML show:none ignoreTitle:true",
		"hx-push-url": "false",
	}
}

// Complaint makes a sentence of what is wrong with a field: "must be shorter" about "Name" is
// "Name must be shorter." It is empty without a message.
func Complaint(subject, message string) string {
	if message == "" {
		return ""
	}
	return subject + " " + strings.TrimRight(message, ".") + "."
}

// Initial is the first letter or digit of a name, for an avatar; a dot if there is none.
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

func describedBy(ids ...string) string {
	var present []string
	for _, id := range ids {
		if id != "" {
			present = append(present, id)
		}
	}
	return strings.Join(present, " ")
}

// PasswordHelp says what a new password must be like.
var PasswordHelp = fmt.Sprintf("At least %d characters. Several words in a row are strong, and easy to remember.", models.MinPassword)
