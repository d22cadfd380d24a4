// Package allowlist renders what forms and pages say about IP allowlists.
package allowlist

import (
	"fmt"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// PresetSeen is the value of the button that adds the addresses seen.
const PresetSeen = "addresses_seen"

// Allowlist is the part of a form that changes an allowlist.
type Allowlist struct {
	Mode      string `form:"allowlist_mode"`
	Addresses string `form:"allowlist_addresses"` // one on each line
	Accepted  string `form:"allowlist_accepted"`  // the allowlist whose warnings were accepted
}

// FormOf returns the form filled in with an allowlist.
func FormOf(list models.Allowlist) Allowlist {
	return Allowlist{Mode: list.Mode.Text(), Addresses: strings.Join(list.Addresses(), "\n")}
}

// List returns the allowlist that the form describes. It adds to the errors in fields. Addresses have no
// effect unless the mode needs them.
func (f Allowlist) List(fields models.Fields) models.Allowlist {
	var list models.Allowlist
	if f.Mode != "" {
		mode, err := models.ParseAllowlistMode(f.Mode)
		if err != nil {
			fields["allowlist.mode"] = "must be from the list"
		}
		list.Mode = mode
	}
	if list.Mode == models.AllowlistInherit || list.Mode == models.AllowlistNone {
		return list
	}
	networks, wrong := models.ParseNetworks(strings.Split(f.Addresses, "\n"))
	if len(wrong) > 0 {
		problems := make([]string, len(wrong))
		for i, one := range wrong {
			problems[i] = fmt.Sprintf("line %d, “%s”, %s", one.Index+1, ui.Isolate(one.Text), strings.TrimSuffix(one.Problem, "?"))
		}
		fields["allowlist.addresses"] = "can’t be read: " + strings.Join(problems, "; ")
	}
	list.Networks = networks
	return list
}

// Add adds the addresses seen to the form, in the mode that only reports unless the list is enforced already, and
// returns how many there is no room for. It adds to the errors in fields if it can't read the form.
func (f *Allowlist) Add(seen []models.SeenAddress, fields models.Fields) (left int) {
	wanted := *f
	if wanted.Mode != string(models.AllowlistEnforce) {
		wanted.Mode = string(models.AllowlistReportOnly)
	}
	list := wanted.List(fields)
	if len(fields) > 0 {
		return 0
	}
	list, left = list.With(seen)
	*f = FormOf(list)
	return left
}

// Field is the field for an allowlist.
type Field struct {
	Allowlist
	Errors   models.Fields
	Legend   string
	Default  *models.Allowlist // that a key can inherit; nil for the default itself
	Seen     bool              // there are addresses to add
	Left     int               // addresses seen that there was no room for
	Warnings Warnings
}

// Warnings are what an admin should know before an allowlist is saved.
type Warnings struct {
	List     models.Allowlist
	Everyone []string             // networks with all addresses
	Outside  []models.SeenAddress // that would be rejected
}

// WarningsOf returns the warnings about an allowlist, given the addresses seen.
func WarningsOf(list models.Allowlist, seen []models.SeenAddress) Warnings {
	w := Warnings{List: list, Everyone: list.Everyone()}
	if list.Mode == models.AllowlistEnforce {
		w.Outside = list.Outside(seen)
	}
	return w
}

// Any reports whether there are any.
func (w Warnings) Any() bool { return len(w.Everyone)+len(w.Outside) > 0 }

// Unaccepted reports whether there are any that the form doesn't accept.
func (w Warnings) Unaccepted(f Allowlist) bool { return w.Any() && f.Accepted != w.List.String() }

// modes returns the choices of the mode.
func (f Field) modes() []ui.Choice {
	var choices []ui.Choice
	if f.Default != nil {
		choices = append(choices, ui.Choice{Value: models.AllowlistInherit.Text(), Label: "Workspace default", Result: resultText(*f.Default)})
	}
	return append(choices,
		ui.Choice{Value: string(models.AllowlistNone), Label: "Any address", Help: "No allowlist."},
		ui.Choice{Value: string(models.AllowlistReportOnly), Label: "Report only", Help: "Requests from other addresses are accepted and counted. Start with this.", Reveals: true},
		ui.Choice{Value: string(models.AllowlistEnforce), Label: "Enforce", Help: "Requests from other addresses return 403.", Reveals: true})
}

func (f Field) selected() string {
	switch {
	case f.Mode != "":
		return f.Mode
	case f.Default == nil:
		return string(models.AllowlistNone)
	}
	return models.AllowlistInherit.Text()
}

// ModeText returns a mode in words.
func ModeText(mode models.AllowlistMode) string {
	switch mode {
	case models.AllowlistReportOnly:
		return "Report only"
	case models.AllowlistEnforce:
		return "Enforced"
	}
	return "Any address"
}

// resultText returns an allowlist in a few words.
func resultText(list models.Allowlist) string {
	if list.Networks == "" {
		return ModeText(list.Mode)
	}
	return ModeText(list.Mode) + ", " + CountText(len(list.Addresses()))
}

// maxShown limits the addresses that a page lists.
const maxShown = 10

// shown returns the addresses that a page lists, and how many more there are.
func shown(seen []models.SeenAddress) ([]models.SeenAddress, int) {
	n := min(len(seen), maxShown)
	return seen[:n], len(seen) - n
}

// CountText returns how many entries a list has.
func CountText(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return ui.Count(int64(n)) + " entries"
}
