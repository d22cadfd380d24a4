package models

import (
	"strconv"
	"strings"
)

// Challenge is what must be entered to confirm an action. The zero Challenge asks for nothing.
//
// All actions follow one rule. An action that can't be undone and breaks something in use, such as
// deleting a key, asks for the name of what is lost, or for the number of things that are lost
// together. Actions that can be undone, such as deactivating a member, disabling a webhook endpoint,
// or releasing a seat, ask for nothing: pages only show a dialog.
type Challenge struct {
	Name   string // of what is lost
	Number int    // of things that are lost together
	Reason bool   // for the record
}

// challengeIf returns the challenge of an action that can't be undone.
func challengeIf(inUse bool, c Challenge) Challenge {
	if !inUse {
		return Challenge{}
	}
	return c
}

// IsNone reports whether nothing must be entered.
func (c Challenge) IsNone() bool { return c == Challenge{} }

// Confirmation is what a person has entered to confirm an action.
type Confirmation struct {
	Name, Number, Reason string
	Descendants          bool // to delete the keys that a key created too

	none bool
}

// NoConfirmation is for programs, such as clients of the API, which confirm nothing.
var NoConfirmation = Confirmation{none: true}

// check returns an Invalid error unless the confirmation answers the challenge.
func (c Challenge) check(answer Confirmation) error {
	if answer.none {
		return nil
	}
	fields := Fields{}
	if c.Name != "" && foldName(answer.Name) != foldName(c.Name) {
		fields.add("confirm_name", "doesn't match. Enter the name as shown")
	}
	if c.Number != 0 && strings.TrimSpace(answer.Number) != strconv.Itoa(c.Number) {
		fields.add("confirm_number", "doesn't match. Enter the number as shown")
	}
	if c.Reason {
		checkLine(fields, "reason", answer.Reason, maxReason)
	}
	return fields.err()
}
