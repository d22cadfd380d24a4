package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models/scope"
)

// completeValues lets the shell complete a flag of cmd with one of values.
func completeValues(cmd *cobra.Command, flag string, values []string) {
	completeWith(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeScopes lets the shell complete --scopes, also after a comma, and describes each scope.
func completeScopes(cmd *cobra.Command) {
	completeWith(cmd, "scopes", func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var completions []string
		for _, s := range scope.Builtin.Definitions(scope.All) {
			if !strings.Contains(","+before, ","+s.Name+",") {
				completions = append(completions, cobra.CompletionWithDesc(before+s.Name, s.Help))
			}
		}
		return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

func completeWith(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag doesn't exist
	}
}
