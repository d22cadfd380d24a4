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

// program is one run of the command line and its environment.
type program struct {
	environment    map[string]string
	config         configFile
	stdin          io.Reader
	stdout, stderr io.Writer

	started bool // whether the command line was valid, so that the command runs
	asJSON  bool // whether --json is given
}

// run runs the command in args and returns its exit code.
func run(ctx context.Context, args []string, environment map[string]string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environment: environment, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // cobra replaces nil by os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return p.report(cmd, err)
}

const rootHelp = `Manage a workspace's API keys from a dashboard, an API, and the command line.

To start, run "skipup serve" and open the link it prints. To look around first, run "skipup demo".

Exit codes:
  0  success
  1  failure of the database, the network, or the program; a retry may help
  2  invalid command line, configuration, or value; nothing was changed
  3  rejected: the object doesn't exist, or the operation isn't allowed now
  130  interrupted, such as with Ctrl-C`

func (p *program) root() *cobra.Command {
	root := p.group(&cobra.Command{
		Use:           "skipup",
		Short:         "Manage a workspace's API keys",
		Long:          rootHelp,
		Version:       versionText(),
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		p.showSources(cmd)
		help(cmd, args)
	})
	root.AddCommand(p.serve(), p.demo(), p.migrate(), p.backup(), p.restore(), p.doctor(), p.workspace(), p.user(), p.member(), p.keys(), p.scopes(), p.audit(), p.lease(), p.nodes(), p.version(), p.man())
	return root
}

// command returns cmd with do as its action. Errors that occur before do runs are usage errors.
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

// settingsCommand returns cmd with the flags of options, and with do as its action on their values.
func (p *program) settingsCommand(cmd *cobra.Command, do func(ctx context.Context, s settings, args []string) error, options ...option) *cobra.Command {
	addFlags(cmd.Flags(), options...)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, options...)
		if err != nil {
			return err
		}
		return do(ctx, s, args)
	})
}

// group returns cmd with subcommands. Without one, it prints its help. By default, cobra would also
// print the help for a misspelled subcommand, and exit with 0.
func (p *program) group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = noSuchCommand
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(commands...)
	return cmd
}

// The messages below don't repeat the arguments, which may include a misplaced database URL with a
// password.

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q takes only flags, but got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// exactly accepts n arguments. For any other number, it returns an error with the given text.
func exactly(n int, text string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return errors.New(text)
		}
		return nil
	}
}

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("unknown command; did you mean %q?", cmd.CommandPath()+" "+slices.Sorted(slices.Values(similar))[0])
	}
	return errors.New("unknown command")
}

func flagError(_ *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		syntax  *pflag.InvalidSyntaxError
	)
	if errors.As(err, &unknown) {
		if advice, is := removed(unknown.GetSpecifiedName()); is {
			return fmt.Errorf("--%s: %s", unknown.GetSpecifiedName(), advice)
		}
	}
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return errors.New("unknown short flag; flag names start with two dashes")
	case errors.As(err, &syntax):
		return errors.New("invalid flag syntax; write --name value or --name=value")
	}
	return err
}
