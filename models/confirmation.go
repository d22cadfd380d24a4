package models

import "strconv"

// Confirmation is what a person enters to confirm a deletion that would break something in use.
// Every method that asks for one follows the same rule: while something is in use, its name must
// be entered exactly.
type Confirmation struct {
	Name   string // of what is deleted
	Number string // of things that are deleted together, in place of their names
	Reason string // for the record, where one is kept
}

// confirmName adds an error to fields unless c repeats name.
func (c Confirmation) confirmName(fields Fields, name string) {
	if c.Name != name {
		fields.add("confirm_name", "doesn't match. Enter the key's name to confirm")
	}
}

// confirmNumber adds an error to fields unless c repeats how many things are deleted.
func (c Confirmation) confirmNumber(fields Fields, things int) {
	if c.Number != strconv.Itoa(things) {
		fields.add("confirm_number", "doesn't match. Enter the number of keys to confirm")
	}
}
