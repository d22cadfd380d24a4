package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// The exit codes, which rootHelp documents.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitRejected
	exitInterrupted = 128 + int(syscall.SIGINT)
)

// usageErrors lists everything wrong with a command line and its environment.
type usageErrors []string

func (m *usageErrors) add(format string, args ...any) { *m = append(*m, fmt.Sprintf(format, args...)) }

// err returns m as an error, or nil if it is empty.
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
	return fmt.Sprintf("%d problems:\n  %s", len(m), strings.Join(m, "\n  "))
}

// failure is an error in the environment, such as a port in use. Its text is for the operator.
type failure struct{ error }

func failf(format string, args ...any) error { return failure{fmt.Errorf(format, args...)} }

// report prints err, if any, to stderr and returns the exit code.
func (p *program) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	text, code := p.explain(err)
	if cmd.Context().Err() != nil { // other errors are consequences, but what was rejected or failed may need a remedy
		if code = exitInterrupted; errors.Is(err, context.Canceled) || !errors.As(err, new(failure)) && !errors.As(err, new(*models.Error)) {
			text = "interrupted"
		}
	}
	p.printErrf("skipup: %s", text)
	if code == exitUsage && !errors.As(err, new(unfinished)) {
		p.printErrf("Run %q for help.", cmd.CommandPath()+" --help")
	}
	return code
}

func (p *program) explain(err error) (text string, code int) {
	var (
		wrong    usageErrors
		mistakes *models.MistakesError
		rejected *models.Error
		failed   failure
		stopped  unfinished
	)
	switch {
	case errors.As(err, &mistakes):
		return mistakes.Error(), exitUsage
	case errors.As(err, &stopped):
		text, _ = p.explain(stopped.error)
		return text, exitUsage
	case !p.started, errors.As(err, &wrong), models.IsKind(err, models.Invalid):
		return err.Error(), exitUsage
	case errors.Is(err, errFound):
		return err.Error(), exitFailed
	case errors.As(err, &rejected):
		return rejected.Message, exitRejected
	case errors.As(err, &failed):
		return err.Error(), exitFailed
	case errors.Is(err, context.Canceled):
		return "interrupted", exitInterrupted
	case models.IsUnavailable(err):
		return fmt.Sprintf("the database doesn't respond: %v", err), exitFailed
	}
	return fmt.Sprintf("internal error: %v", err), exitFailed
}

// flagErrors replaces the field names in a validation error by those of their flags.
func flagErrors(err error, flags map[string]string) error {
	fields, invalid := models.FieldsOf(err)
	if !invalid {
		return err
	}
	var wrong usageErrors
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		wrong = append(wrong, strings.TrimSuffix(fields.Sentence(field, cmp.Or(flags[field], field)), "."))
	}
	return wrong.err()
}
