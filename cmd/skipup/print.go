package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
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

// print prints value with --json, and otherwise a line of text, to stdout.
func (p *program) print(value any, format string, args ...any) error {
	if p.asJSON {
		return p.printJSON(value)
	}
	return p.printf(format, args...)
}

// printList prints list with --json, and otherwise rows.
func (p *program) printList(list any, rows [][]string) error {
	if p.asJSON {
		return p.printJSON(list)
	}
	return p.printRows(rows)
}

// printRows prints rows to stdout in aligned columns.
func (p *program) printRows(rows [][]string) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = io.WriteString(table, strings.Join(row, "\t")+"\n") // writing to a Builder never fails
	}
	_ = table.Flush()
	return p.printf("%s", strings.TrimSuffix(text.String(), "\n"))
}
