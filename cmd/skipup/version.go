package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func (p *program) version() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
	}
	return p.command(cmd, func(context.Context, []string) error { return p.printf("%s", versionText()) })
}

// versionText returns the version, the commit if the build recorded one, and the Go version and
// platform.
func versionText() string {
	version, commit := buildVersion()
	text := models.ServerVersion + version
	if commit != "" {
		text += ", commit " + commit
	}
	return fmt.Sprintf("%s, %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildVersion returns the version and, if the build recorded it, the commit.
func buildVersion() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(info), commitOf(info)
}

func versionOf(info *debug.BuildInfo) string { return cmp.Or(version, info.Main.Version, "(devel)") }

func commitOf(info *debug.BuildInfo) string {
	var commit, changed string
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			commit = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changed = " with changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
