package main

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: "4a27635"}, {Key: "vcs.modified", Value: "true"}}
	tests := []struct {
		name            string
		linked          string
		info            debug.BuildInfo
		version, commit string
	}{
		{"nothing is known", "", debug.BuildInfo{}, "(devel)", ""},
		{"the module's version", "", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3", ""},
		{"the linker's word is last", "v2.0.0", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v2.0.0", ""},
		{"a commit", "", debug.BuildInfo{Settings: vcs[:1]}, "(devel)", "4a27635"},
		{"a commit with changes", "", debug.BuildInfo{Settings: vcs}, "(devel)", "4a27635 with changes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version = tt.linked
			defer func() { version = "" }()
			if got, commit := versionOf(&tt.info), commitOf(&tt.info); got != tt.version || commit != tt.commit {
				t.Errorf("got %q and %q, want %q and %q", got, commit, tt.version, tt.commit)
			}
		})
	}
}
