package torture

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// module is the directory of the module, relative to this package.
const module = "../../.."

// builds holds the binaries built so far by name. Building one at a time is faster.
var builds = struct {
	sync.Mutex
	dir   string
	paths map[string]string
}{paths: map[string]string{}}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}

// edit replaces a snippet of a source file. The old snippet must occur exactly once.
type edit struct{ file, old, new string }

// The programs that nodes run, as paths of their packages in the module.
const (
	skipup = "cmd/skipup"
	orders = "cmd/orders"
)

// build builds a program with edits, unless it has already, and returns the path of the binary.
func build(t *testing.T, program, name string, edits ...edit) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if path := builds.paths[name]; path != "" {
		return path
	}
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "torture-bin-")
		if err != nil {
			t.Fatal(err)
		}
		builds.dir = dir
	}
	start, path := time.Now(), filepath.Join(builds.dir, name)
	command := exec.Command("go", "build", "-ldflags", "-s -w", "-overlay", overlay(t, edits), "-o", path, filepath.Join(module, program))
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	t.Logf("built in %.1f s", time.Since(start).Seconds())
	builds.paths[name] = path
	return path
}

// overlay writes edited copies of source files, and a file for `go build -overlay` that replaces the
// originals with them. It returns the path of that file.
func overlay(t *testing.T, edits []edit) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, e := range edits {
		original, err := filepath.Abs(filepath.Join(module, e.file))
		if err != nil {
			t.Fatal(err)
		}
		from := original
		if replace[original] != "" {
			from = replace[original] // edited before
		}
		source, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if count := strings.Count(string(source), e.old); count != 1 {
			t.Fatalf("%s contains this snippet %d times, want once; update the mutant:\n%s", e.file, count, e.old)
		}
		replace[original] = filepath.Join(dir, strings.ReplaceAll(e.file, "/", "_"))
		edited := strings.Replace(string(source), e.old, e.new, 1)
		if err := os.WriteFile(replace[original], []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
