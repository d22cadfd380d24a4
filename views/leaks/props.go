// Package leaks draws the page on which a text is checked for keys that are in it.
package leaks

import (
	"strconv"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// MaxText is how long a text or a file may be, in bytes.
const MaxText = 10 << 20

// Page is the form, and what was found in the text that was sent with it. The text itself is
// gone.
type Page struct {
	Read   int64 // bytes that were searched
	Report models.LeakReport
	Errors models.Fields
}

// title says what was found.
func (p Page) title() string {
	switch leaks := int64(len(p.Report.Leaks)); {
	case leaks > 0:
		return ui.Plural(leaks, "key") + " of this workspace found"
	case p.Report.Others > 0:
		return "No key of this workspace found"
	}
	return "No key found"
}

// others says how many keys there were that are not known here.
func (p Page) others() string {
	keys := ui.Plural(int64(p.Report.Others), "key")
	switch {
	case p.Report.Others == 0:
		return ""
	case len(p.Report.Leaks) > 0:
		return strings.Replace(keys, " ", " other ", 1) + " that this workspace does not know"
	}
	return keys + " that this workspace does not know"
}

// size is how much was searched, in a unit that people read.
func (p Page) size() string {
	switch {
	case p.Read < 1000:
		return ui.Plural(p.Read, "byte")
	case p.Read < 1_000_000:
		return strconv.FormatInt((p.Read+500)/1000, 10) + " kB"
	}
	return strconv.FormatFloat(float64(p.Read)/1_000_000, 'f', 1, 64) + " MB"
}

// where says where a key was found: "app.log, line 3 and 17".
func where(leak models.Leak) string {
	var sources []string
	lines := map[string][]string{}
	for _, place := range leak.Places {
		if lines[place.Source] == nil {
			sources = append(sources, place.Source)
		}
		lines[place.Source] = append(lines[place.Source], strconv.FormatInt(place.Line, 10))
	}
	var parts []string
	for _, source := range sources {
		parts = append(parts, source+", "+lineWord(lines[source])+" "+strings.Join(lines[source], ", "))
	}
	text := "In " + strings.Join(parts, "; ")
	if leak.Times > len(leak.Places) {
		text += " (" + ui.Plural(int64(leak.Times), "time") + " in all)"
	}
	return text
}

func lineWord(lines []string) string {
	if len(lines) == 1 {
		return "line"
	}
	return "lines"
}
