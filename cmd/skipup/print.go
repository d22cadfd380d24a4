package main

import (
	"encoding/json"
	"fmt"
)

// printErrf prints a line to stderr. It ignores errors, which could not be reported.
func (p *program) printErrf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...)
}

// printf prints a line of the command's output to stdout.
func (p *program) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.stdout, format+"\n", args...); err != nil {
		return failf("can't write to standard output: %w", err)
	}
	return nil
}

// printJSON prints value to stdout as indented JSON.
func (p *program) printJSON(value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return p.printf("%s", text)
}
