package ui

import (
	"github.com/skipup/keys/models"
)

// OwnerField is a field for the member who is to own keys.
type OwnerField struct {
	Select                      // its options are those besides the members
	People  models.OwnerChoices // who can own keys
	Viewer  *models.Member      // who views the page; may be nil
	Owner   *models.Member      // who owns the keys so far, even if they can't be chosen; may be nil
	Without *models.Member      // who can't be chosen; may be nil
}

// options returns the members, those besides them, and an owner who can no longer be chosen.
func (f OwnerField) options() []Option {
	var options []Option
	owner := f.Owner
	for i := range f.People.Members {
		m := &f.People.Members[i]
		if f.Without != nil && m.ID == f.Without.ID {
			continue
		}
		option := Option{Value: m.ID, Label: m.DisplayName()}
		switch {
		case f.Viewer != nil && m.ID == f.Viewer.ID:
			option.Label += " (you)"
		case m.Name() != "":
			option.Label += " (" + m.User.Email + ")"
		}
		options = append(options, option)
		if owner != nil && m.ID == owner.ID {
			owner = nil
		}
	}
	if owner != nil {
		options = append([]Option{{Value: owner.ID, Label: OwnerLabel(owner)}}, options...)
	}
	return append(options, f.Options...)
}

// selectField returns the field as a list of the members.
func (f OwnerField) selectField() Select {
	f.Select.Options = f.options()
	return f.Select
}

// textField returns the field for a name or an email, for more members than a list can have.
func (f OwnerField) textField() Field {
	value := f.Value
	for _, m := range []*models.Member{f.Viewer, f.Owner} {
		if m != nil && m.ID == value {
			value = m.User.Email
		}
	}
	for _, option := range f.Options {
		if option.Value == value {
			value = ""
		}
	}
	help := "Enter a name or an email."
	if f.Help != "" {
		help += " " + f.Help
	}
	return Field{Name: f.Name, Label: f.Label, Value: value, Help: help, Error: f.Error, Required: f.Required, Autocomplete: "off"}
}

// OwnerLabel returns the name of an owner, and whether they are deactivated.
func OwnerLabel(owner *models.Member) string {
	if owner.DeactivatedAt != nil {
		return owner.DisplayName() + " (deactivated)"
	}
	return owner.DisplayName()
}

// LeaveKeys is the value of a NewOwner for keys that keep their owner.
const LeaveKeys = "none"

// NewOwner offers another owner of the keys of a member who is deactivated or leaves.
type NewOwner struct {
	Member *models.Member // with those keys
	Keys   int            // their number
	People models.OwnerChoices
	Viewer *models.Member
	Value  string // selected or entered
	Error  string
}

func (n NewOwner) field() OwnerField {
	whose := "their "
	if n.Viewer != nil && n.Viewer.ID == n.Member.ID {
		whose = "your "
	}
	return OwnerField{
		Select: Select{
			Name: "new_owner_id", Label: "New owner of " + whose + Plural(int64(n.Keys), "key"), Value: n.Value, Error: n.Error,
			Help: "The keys keep working either way. Without a new owner, they’re listed for review.", Options: []Option{{Value: LeaveKeys, Label: "Keep the current owner"}},
		},
		People: n.People, Viewer: n.Viewer, Without: n.Member,
	}
}
