package main

import (
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: "4a27635"}, {Key: "vcs.modified", Value: "true"}}
	tests := []struct {
		name            string
		linked          string
		info            debug.BuildInfo
		version, commit string
	}{
		{"no build information", "", debug.BuildInfo{}, "(devel)", ""},
		{"module version", "", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3", ""},
		{"linker flag overrides the module version", "v2.0.0", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v2.0.0", ""},
		{"commit", "", debug.BuildInfo{Settings: vcs[:1]}, "(devel)", "4a27635"},
		{"commit with changes", "", debug.BuildInfo{Settings: vcs}, "(devel)", "4a27635 with changes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version = tt.linked
			defer func() { version = "" }()
			if got := versionOf(&tt.info); got != tt.version {
				t.Errorf("version = %q, want %q", got, tt.version)
			}
			if got := commitOf(&tt.info); got != tt.commit {
				t.Errorf("commit = %q, want %q", got, tt.commit)
			}
		})
	}
}

func TestServerNamesItsVersion(t *testing.T) {
	t.Chdir(t.TempDir())
	s := startProcess(t, map[string]string{"SKIPUP_METRICS_ADDR": "127.0.0.1:0"})
	s.waitUntilReady()
	_, ready := s.get(path.HealthReady)
	modelstest.Equal(t, "readiness", ready, "ready\n"+versionText()+"\n")
	version, commit := buildVersion()
	modelstest.Equal(t, "metric", s.metric(fmt.Sprintf("skipup_build_info{commit=%q,version=%q}", commit, version)), "1")
}
