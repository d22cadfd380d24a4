package main

import (
	"encoding/json"
	"fmt"
)

// say prints a line to stderr. There is nobody to tell if that fails.
func (p *program) printErrf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...)
}

// answer prints a line to stdout: what the command was asked for.
func (p *program) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.stdout, format+"\n", args...); err != nil {
		return failf("standard output takes nothing: %w", err)
	}
	return nil
}

// answerJSON prints value to stdout.
func (p *program) printJSON(value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return p.printf("%s", text)
}
