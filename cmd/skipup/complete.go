package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

var keyEnvironments = []string{string(token.Live), string(token.Test)}

// completeValues lets the shell complete the value of a flag of cmd that is one of words.
func completeValues(cmd *cobra.Command, flag string, words []string) {
	completeWith(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeScopes lets the shell complete --scopes, each with its meaning, after a comma too.
func completeScopes(cmd *cobra.Command) {
	completeWith(cmd, "scopes", func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var words []string
		for _, s := range scope.All.Scopes() {
			if !strings.Contains(","+before, ","+s.String()+",") {
				words = append(words, cobra.CompletionWithDesc(before+s.String(), s.Help()))
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

func completeWith(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // only a misspelt flag gets here
	}
}
