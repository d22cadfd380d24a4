package main

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/hbollon/go-edlib"
	"github.com/spf13/cobra"
)

// A misspelled setting would leave its default in place: with a misspelled database URL, the server
// would start on a new, empty database. So variables that look like settings are errors.

const variablePrefix = "SKIPUP_"

// otherVariables are variables with variablePrefix that aren't settings: the examples in the guides
// read them.
var otherVariables = []string{"SKIPUP_API_KEY", "SKIPUP_NODE_TOKEN", "SKIPUP_WEBHOOK_SECRET"}

// removedSetting is a setting of earlier versions.
type removedSetting struct{ flag, variable, advice string }

var removedSettings = []removedSetting{
	{"key-environment", "SKIPUP_KEY_ENVIRONMENT", "remove this setting; each workspace is live or test now, and the server accepts both kinds of keys"},
}

// removed returns what to do about a flag or a variable of earlier versions, and whether name is one.
func removed(name string) (advice string, is bool) {
	for _, setting := range removedSettings {
		if name == setting.variable || name == setting.flag {
			return setting.advice, true
		}
	}
	return "", false
}

// serviceVariable matches the variables that Kubernetes sets for a service named skipup or skipup-….
var serviceVariable = regexp.MustCompile(`^SKIPUP_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// checkVariables adds the variables to wrong that were settings of earlier versions, and those that look
// like misspelled settings: unknown ones with variablePrefix, and near misses of options that are not set.
// It ignores empty variables.
func (p *program) checkVariables(cmd *cobra.Command, options []option, wrong *usageErrors) {
	names := append([]string{configOption.variable}, otherVariables...)
	for _, o := range serveOptions {
		names = append(names, o.variables()...)
	}
	unset := []string{}
	for _, o := range options {
		if _, from, _ := p.given(cmd, o); from.place == "" {
			unset = append(unset, o.variables()...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.environment)) {
		advice, isRemoved := removed(name)
		switch {
		case p.environment[name] == "", slices.Contains(names, name), serviceVariable.MatchString(name):
		case isRemoved:
			wrong.add("%s: %s", name, advice)
		case strings.HasPrefix(strings.ToUpper(name), variablePrefix):
			wrong.add("%s: unknown setting; did you mean %s?", shownVariable(name), nearest(name, names))
		default:
			if meant := nearest(name, unset); meant != "" && isNearMiss(name, meant) {
				wrong.add("%s: unknown setting; did you mean %s?", shownVariable(name), meant)
			}
		}
	}
}

// isNearMiss reports whether name was probably meant to be the variable meant: with one typing error
// or another case.
func isNearMiss(name, meant string) bool {
	return edlib.OSADamerauLevenshteinDistance(strings.ToUpper(name), meant) <= 1
}

// nearest returns the name with the smallest distance from name, or "" if there are no names. A
// SKIPUP_ before the name of a setting without it doesn't count.
func nearest(name string, names []string) string {
	best, least := "", 0
	upper := strings.ToUpper(name)
	for _, candidate := range names {
		d := min(edlib.OSADamerauLevenshteinDistance(upper, candidate), edlib.OSADamerauLevenshteinDistance(strings.TrimPrefix(upper, variablePrefix), candidate))
		if best == "" || d < least {
			best, least = candidate, d
		}
	}
	return best
}

// shownVariable returns a name without characters that could garble a terminal.
func shownVariable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, name)
}

var (
	errControl = errors.New("remove the line break or other invisible character in it")
	errSpaces  = errors.New("remove the space before or after it")
)

// checkCharacters returns an error for characters that no one types on purpose, such as the line end
// of a file that a value was copied from. They would become part of a file name or a password.
func checkCharacters(value string) error {
	switch {
	case strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return errControl
	case strings.TrimSpace(value) != value:
		return errSpaces
	}
	return nil
}
