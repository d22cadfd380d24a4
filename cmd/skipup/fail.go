package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// The exit codes. The help of the program explains them.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitRejected
)

// usageErrors lists everything wrong with a command line and its environment.
type usageErrors []string

func (m *usageErrors) add(format string, args ...any) { *m = append(*m, fmt.Sprintf(format, args...)) }

// err returns nil if there are none.
func (m usageErrors) err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

func (m usageErrors) Error() string {
	if len(m) == 1 {
		return m[0]
	}
	return fmt.Sprintf("%d things are wrong:\n  %s", len(m), strings.Join(m, "\n  "))
}

// failure is an error of the outside world whose text is a sentence for the operator.
type failure struct{ error }

func failf(format string, args ...any) error { return failure{fmt.Errorf(format, args...)} }

// report tells the operator on stderr what went wrong, if anything, and returns the exit code.
func (p *program) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	text, code := p.explain(err)
	p.printErrf("skipup: %s", text)
	if code == exitUsage && !errors.As(err, new(unfinished)) {
		p.printErrf("Run %q for help.", cmd.CommandPath()+" --help")
	}
	return code
}

func (p *program) explain(err error) (text string, code int) {
	var (
		wrong   usageErrors
		refused *models.Error
		failed  failure
		stopped unfinished
	)
	switch {
	case errors.As(err, &stopped):
		text, _ = p.explain(stopped.error)
		return text, exitUsage
	case !p.started, errors.As(err, &wrong), models.IsKind(err, models.Invalid):
		return err.Error(), exitUsage
	case errors.Is(err, errFound):
		return err.Error(), exitFailed
	case errors.As(err, &refused):
		return refused.Message, exitRejected
	case errors.As(err, &failed):
		return err.Error(), exitFailed
	case errors.Is(err, context.Canceled):
		return "interrupted", exitFailed
	case models.IsUnavailable(err):
		return fmt.Sprintf("the database gives no answer: %v", err), exitFailed
	}
	return fmt.Sprintf("internal error: %v", err), exitFailed
}

// flagErrors reports invalid fields by the names of their flags: flags holds
// the name for each of the fields.
func flagErrors(err error, flags map[string]string) error {
	fields, refused := models.FieldsOf(err)
	if !refused {
		return err
	}
	var wrong usageErrors
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		name := flags[field]
		if name == "" {
			name = field
		}
		wrong.add("%s %s", name, fields[field])
	}
	return wrong.err()
}
