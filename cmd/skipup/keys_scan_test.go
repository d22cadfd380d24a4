package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

// write creates files, by path, in a new folder.
func write(t testing.TB, files map[string]string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestScan(t *testing.T) {
	live, other := token.New(token.Live), token.NewWithPrefix("acme", token.Test)
	folder := write(t, map[string]string{
		".env":            "A=1\nKEY=" + live.Reveal() + "\n",
		"deep/down/a.bin": "\x00\xff" + other.Reveal() + "\x00" + live.Reveal(),
		"clean.txt":       "sk_live_" + strings.Repeat("A", 36),
		".git/config":     live.Reveal(),
		"sub/.git/config": live.Reveal(),
		"empty":           "",
	})
	if err := os.Symlink(filepath.Join(folder, ".env"), filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "nothing"), filepath.Join(folder, "nowhere")); err != nil {
		t.Fatal(err)
	}
	got := skipup(t, nil, "keys", "scan", folder)
	want := fmt.Sprintf("%[1]s/.env:2:5: %[2]s\n%[1]s/deep/down/a.bin:1:3: %[3]s\n%[1]s/deep/down/a.bin:1:50: %[2]s\n", folder, live.Hint(), other.Hint())
	modelstest.Equal(t, "exit code", got.code, 1)
	modelstest.Equal(t, "stderr", got.stderr, "skipup: API keys found\n")
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	requireNoSecrets(t, got.stdout)

	skipup(t, nil, "keys", "scan", folder+"/clean.txt", folder+"/empty").requireCode(t, exitOK)
	for _, path := range []string{folder + "/link", folder + "/.git"} {
		if got := skipup(t, nil, "keys", "scan", path); got.code != 1 {
			t.Errorf("scan of %s: exit code = %d, want 1", path, got.code)
		}
	}
	piped := skipupWithInput(t, "\n"+live.Reveal(), nil, "keys", "scan", "-")
	if piped.code != 1 || piped.stdout != "-:2:1: "+live.Hint()+"\n" {
		t.Errorf("scan of standard input = %+v", piped)
	}
	skipupWithInput(t, "nothing", nil, "keys", "scan", "-").requireCode(t, exitOK)

	missing := skipup(t, nil, "keys", "scan", folder+"/nothing", folder)
	modelstest.Equal(t, "exit code", missing.code, 2)
	modelstest.Equal(t, "stdout", missing.stdout, want)
	modelstest.Contains(t, "stderr", missing.stderr, "nothing: no such file")
	if got := skipup(t, nil, "keys", "scan", "/proc/self/mem"); got.code != 2 || !strings.Contains(got.stderr, "/proc/self/mem") {
		t.Errorf("scan of an unreadable file = %+v", got)
	}
	skipup(t, nil, "keys", "scan").requireFailure(t, exitUsage, "enter the files and folders to scan")
	skipup(t, nil, "keys", "scan", "--database", "mysql:hunter2", folder).requireFailure(t, exitUsage, "the database URL must be")
	away := skipup(t, nil, "keys", "scan", "--database", "sqlite:"+folder+"/no/such/folder", folder)
	modelstest.Equal(t, "exit code", away.code, 2)
	modelstest.Contains(t, "stderr", away.stderr, "can't open the database")
	if strings.Contains(away.stderr, "--help") {
		t.Errorf("a missing database is reported as a mistake in the command: %s", away.stderr)
	}
}

// A commit hook passes committed links, even dangling ones.
func TestScanFollowsNamedLinks(t *testing.T) {
	key := token.New(token.Live)
	folder := write(t, map[string]string{"real/below/.env": key.Reveal()})
	for link, target := range map[string]string{"folder": "real", "nowhere": "gone", "itself": "itself"} {
		if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	got := skipup(t, nil, "keys", "scan", folder+"/folder")
	if want := folder + "/folder/below/.env:1:1: " + key.Hint() + "\n"; got.stdout != want || got.code != 1 {
		t.Errorf("scan of a link to a folder: exit code = %d, stdout = %q, stderr = %q", got.code, got.stdout, got.stderr)
	}
	for _, link := range []string{"nowhere", "itself"} {
		if got := skipup(t, nil, "keys", "scan", folder+"/"+link); got.code != exitOK || got.stderr != "" {
			t.Errorf("scan of the dangling link %s: exit code = %d, stderr = %q", link, got.code, got.stderr)
		}
	}
}

// In a worktree, .git is a file. Control characters in file names are escaped.
func TestScanOfAWorktree(t *testing.T) {
	key := token.New(token.Live)
	folder := write(t, map[string]string{".git": "gitdir: " + key.Reveal(), "a\x1b[2J": key.Reveal()})
	got := skipup(t, nil, "keys", "scan", folder)
	want := fmt.Sprintf("%[1]s/.git:1:9: %[2]s\n\"%[1]s/a\\x1b[2J\":1:1: %[2]s\n", folder, key.Hint())
	if diff := cmp.Diff(want, got.stdout); diff != "" || got.code != 1 {
		t.Errorf("exit code %d, found (-want +got):\n%s", got.code, diff)
	}
}

func TestInterruptedScanFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprint(i)] = "nothing"
	}
	var stderr strings.Builder
	if code := run(ctx, []string{"keys", "scan", write(t, files)}, nil, strings.NewReader(""), io.Discard, &stderr); code != exitInterrupted || stderr.String() != "skipup: interrupted\n" {
		t.Errorf("exit code = %d, stderr = %q", code, &stderr)
	}
}

func TestScanLooksUpKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		ours, unknown := newKey(t, env, workspace, "C\ue000I", "seats.read"), token.New(token.Live)
		id := listJSON(t, env, workspace)[0]["id"].(string)
		folder := write(t, map[string]string{"a.log": ours + "\n" + unknown.Reveal()})

		got := skipup(t, nil, "keys", "scan", "--database", env["DATABASE_URL"], folder)
		want := fmt.Sprintf("%[1]s/a.log:1:1: %[2]s.... is \"C\\ue000I\" (%[3]s) of %[4]s, active\n%[1]s/a.log:2:1: %[5]s isn't in this database\n",
			folder, ours[:12], id, workspace, unknown.Hint())
		if diff := cmp.Diff(want, got.stdout); diff != "" || got.code != 1 {
			t.Errorf("exit code %d, found (-want +got):\n%s", got.code, diff)
		}
		skipup(t, env, "keys", "delete", id).requireCode(t, exitOK)
		asJSON := skipup(t, nil, "keys", "scan", "--json", "--database", env["DATABASE_URL"], folder)
		var found []foundKey
		if err := json.Unmarshal([]byte(asJSON.stdout), &found); err != nil || asJSON.code != 1 {
			t.Fatalf("%d %v %s", asJSON.code, err, asJSON.stdout)
		}
		file := folder + "/a.log"
		wanted := []foundKey{
			{file, 1, 1, ours[:12] + "....", &knownKey{id, "C\ue000I", workspace, "deleted"}}, {file, 2, 1, unknown.Hint(), nil},
		}
		if diff := cmp.Diff(wanted, found); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		requireNoSecrets(t, asJSON.stdout+got.stdout)
	})
}

// DATABASE_URL may name the database of another program.
func TestScanIgnoresDatabaseVariable(t *testing.T) {
	env := sqliteEnv(t)
	folder := write(t, map[string]string{"a": "nothing"})
	got := skipup(t, env, "keys", "scan", "--json", folder)
	got.requireCode(t, exitOK)
	if got.stdout != "[]\n" {
		t.Errorf("stdout = %q, want an empty array", got.stdout)
	}
	if _, err := os.Stat(strings.TrimPrefix(env["DATABASE_URL"], "sqlite:")); !os.IsNotExist(err) {
		t.Errorf("the database was opened: %v", err)
	}
}

// The hook is the one in docs/configuration.md.
func TestGitHookRejectsCommitsWithKeys(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "\n    #!/bin/sh\n")
	hook, _, _ := strings.Cut(after, "\n\n")
	if !found || !strings.Contains(hook, "skipup keys scan") {
		t.Fatalf("docs/configuration.md lacks the hook; found %q", hook)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := write(t, map[string]string{"skipup": "#!/bin/sh\n" + asProgram + "=1 exec '" + program + "' \"$@\"\n"})
	key := token.New(token.Live)
	repository := write(t, map[string]string{"good name.txt": "clean\n", "config.env": "KEY=" + key.Reveal() + "\n"})
	git := func(args ...string) (string, error) {
		command := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@acme.test"}, args...)...)
		command.Dir = repository
		command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin, "GIT_CONFIG_NOSYSTEM=1"}
		output, err := command.CombinedOutput()
		return string(output), err
	}
	must := func(args ...string) {
		t.Helper()
		if output, err := git(args...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, output)
		}
	}
	must("init", "--quiet")
	if err := os.WriteFile(filepath.Join(repository, ".git/hooks/pre-commit"), []byte("#!/bin/sh\n"+hook+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(bin, "skipup"), 0o700); err != nil {
		t.Fatal(err)
	}
	must("add", "good name.txt")
	must("commit", "--quiet", "-m", "Clean")
	must("add", "config.env")
	output, err := git("commit", "-m", "Leak")
	if err == nil {
		t.Error("a key was committed")
	}
	modelstest.Contains(t, "output", output, "config.env:1:5: "+key.Hint())
	if strings.Contains(output, key.Reveal()) {
		t.Errorf("the output contains the key: %s", output)
	}
	if log, err := git("log", "--format=%s"); err != nil || log != "Clean\n" {
		t.Errorf("git log = %q, %v", log, err)
	}
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repository, "config.env"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("KEY=\n") // the index still has the key
	if output, err := git("commit", "-m", "Leak"); err == nil || !strings.Contains(output, key.Hint()) {
		t.Errorf("commit with a key only in the index: %v\n%s", err, output)
	}
	must("add", "config.env")
	put("KEY=" + key.Reveal() + "\n") // only in the working tree
	if err := os.Symlink("nowhere", filepath.Join(repository, "link")); err != nil {
		t.Fatal(err)
	}
	must("add", "link")
	must("commit", "--quiet", "-m", "Without the key")
	must("rm", "--quiet", "good name.txt")
	must("commit", "--quiet", "-m", "Only a deletion")
}

// BenchmarkScan measures a tree of 2,000 files of 32 kB.
func BenchmarkScan(b *testing.B) {
	files := map[string]string{}
	content := strings.Repeat("if err := task.run(ctx); err != nil {\n\treturn fmt.Errorf(\"risk_level %d: %w\", n, err)\n}\n", 365)
	for i := range 2000 {
		files[fmt.Sprintf("%02d/%02d.go", i%40, i/40)] = content
	}
	folder := write(b, files)
	b.SetBytes(int64(len(files) * len(content)))
	for b.Loop() {
		if code := run(b.Context(), []string{"keys", "scan", folder}, nil, strings.NewReader(""), os.Stdout, os.Stderr); code != exitOK {
			b.Fatal(code)
		}
	}
}
