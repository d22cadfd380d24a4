package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// program is one run of the command line with everything of the outside world that it touches.
type program struct {
	environment    map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer

	started bool // the command line was understood and the command itself runs
}

// run does what args say until it is done or ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, environment map[string]string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environment: environment, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return p.report(cmd, err)
}

const rootHelp = `SkipUp Keys gives the API keys of a workspace a page, an API and a command line.

"skipup serve" is all that is needed to start: it prints a link that makes the first workspace.
"skipup demo" shows one that is full.

Exit codes:
  0  done
  1  failed: the database, the network or the program itself; trying again may help
  2  the command line, the configuration or a value is wrong; nothing was done
  3  refused: what was asked for does not exist or is not allowed now`

func (p *program) root() *cobra.Command {
	root := p.group(&cobra.Command{
		Use:           "skipup",
		Short:         "API keys for a workspace: pages, API and command line",
		Long:          rootHelp,
		Version:       versionText(),
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(p.serve(), p.demo(), p.migrate(), p.workspace(), p.keys(), p.audit(), p.lease(), p.version())
	return root
}

// command makes cmd run do. Errors that occur earlier are usage errors.
func (p *program) command(cmd *cobra.Command, do func(ctx context.Context, args []string) error) *cobra.Command {
	if cmd.Args == nil {
		cmd.Args = noArguments
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p.started = true
		return do(cmd.Context(), args)
	}
	return cmd
}

// group is a command that only holds others, and shows its help. Left alone, the library
// would take a misspelt one below it for no command at all, and succeed.
func (p *program) group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = noSuchCommand
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(commands...)
	return cmd
}

// The messages below do not repeat what was typed: it may be a database address that landed in
// the wrong place, with its password.

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q takes flags only, and got %d more words", cmd.CommandPath(), len(args))
	}
	return nil
}

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("there is no such command; did you mean %q?", cmd.CommandPath()+" "+slices.Sorted(slices.Values(similar))[0])
	}
	return errors.New("there is no such command")
}

func flagError(_ *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return errors.New("there is no such short flag; names of flags start with two dashes")
	case errors.As(err, &syntax):
		return errors.New("a flag is written --name value or --name=value")
	}
	return err
}
