// Package leaks renders the page that scans text for API keys.
package leaks

import (
	"strconv"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// MaxText is the maximum size of the text, in bytes.
const MaxText = 10 << 20

// Page is the data of the form and of the result. It does not contain the text.
type Page struct {
	Read   int64 // bytes scanned
	Report models.LeakReport
	Errors models.Fields
}

// title returns the result as a heading.
func (p Page) title() string {
	switch leaks := int64(len(p.Report.Leaks)); {
	case leaks > 0:
		return ui.Plural(leaks, "key") + " from this workspace found"
	case p.Report.Others > 0:
		return "No keys from this workspace found"
	}
	return "No keys found"
}

// others returns a sentence about the keys that don't belong to the workspace, or "".
func (p Page) others() string {
	switch p.Report.Others {
	case 0:
		return ""
	case 1:
		return "1 key doesn’t belong to this workspace."
	}
	return ui.Plural(int64(p.Report.Others), "key") + " don’t belong to this workspace."
}

// size returns the number of bytes scanned with a unit.
func (p Page) size() string {
	switch {
	case p.Read < 1000:
		return ui.Plural(p.Read, "byte")
	case p.Read < 1_000_000:
		return strconv.FormatInt((p.Read+500)/1000, 10) + " kB"
	}
	return strconv.FormatFloat(float64(p.Read)/1_000_000, 'f', 1, 64) + " MB"
}

// where returns where a key was found, such as "In app.log, lines 3, 17".
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
		text += " (" + ui.Plural(int64(leak.Times), "time") + " in total)"
	}
	return text
}

func lineWord(lines []string) string {
	if len(lines) == 1 {
		return "line"
	}
	return "lines"
}
