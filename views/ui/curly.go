package ui

import "regexp"

var straight = regexp.MustCompile(`(\pL)'(\pL)`)

// Curly returns a message with the apostrophes of pages. Messages of models have straight ones, because terminals and
// programs show them too.
func Curly(message string) string { return straight.ReplaceAllString(message, "$1’$2") }
