package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (p *program) man() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write the manual pages of all commands to a folder",
		Hidden: true, // only for packages
		Args:   cobra.ExactArgs(1),
	}
	return p.command(cmd, func(_ context.Context, args []string) error {
		header := &doc.GenManHeader{Section: "1", Source: "SkipUp Keys", Manual: "SkipUp Keys", Date: p.sourceDate()}
		root := cmd.Root()
		root.DisableAutoGenTag = true
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return err
		}
		return doc.GenManTree(root, header, args[0])
	})
}

// sourceDate returns the time in SOURCE_DATE_EPOCH, so that two builds of one version are equal
// (reproducible-builds.org/specs/source-date-epoch), or nil for now.
func (p *program) sourceDate() *time.Time {
	seconds, err := strconv.ParseInt(p.environment["SOURCE_DATE_EPOCH"], 10, 64)
	if err != nil {
		return nil
	}
	return new(time.Unix(seconds, 0).UTC())
}
