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
		fields.add("confirm_name", "must match the name of the key")
	}
}

// confirmNumber adds an error to fields unless c repeats how many things are deleted.
func (c Confirmation) confirmNumber(fields Fields, things int) {
	if number := strconv.Itoa(things); c.Number != number {
		fields.add("confirm_number", "must be the number of keys, %s", number)
	}
}
