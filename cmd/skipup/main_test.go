package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// asProgram is the variable with which a test starts this test binary as the program itself,
// for what only a process of its own can show.
const asProgram = "SKIPUP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// eachDatabase runs test as a subtest on an empty SQLite file and on an empty PostgreSQL schema.
func eachDatabase(t *testing.T, test func(t *testing.T, env map[string]string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteEnv(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, map[string]string{"DATABASE_URL": modelstest.PostgreSQLURL(t)}) })
}

func sqliteEnv(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"DATABASE_URL": modelstest.SQLiteURL(t)}
}

// outcome is what a run of the program has left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// skipup runs the program with nothing on standard input.
func skipup(t *testing.T, env map[string]string, args ...string) outcome {
	t.Helper()
	return skipupWithInput(t, "", env, args...)
}

func skipupWithInput(t *testing.T, stdin string, env map[string]string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, env, strings.NewReader(stdin), &stdout, &stderr)
	requireNoSecrets(t, stderr.String())
	return outcome{code, stdout.String(), stderr.String()}
}

// secretText is the text of a key, the token of a set-up link or an invitation, the password of an admin, or
// that in the database addresses of these tests.
var secretText = regexp.MustCompile(`sk_(live|test)_[0-9A-Za-z]{36}|` + path.SetUp + `[A-Z2-7]{26}|` + modelstest.Password + `|hunter2`)

// requireNoSecrets looks for what no log and no error may show.
func requireNoSecrets(t *testing.T, log string) {
	t.Helper()
	if found := secretText.FindString(log); found != "" {
		t.Errorf("%q is in stderr:\n%s", found, log)
	}
}

// requireCode fails the test unless the program ended with code, and with something said on
// stderr if and only if it failed.
func (o outcome) requireCode(t *testing.T, code int) {
	t.Helper()
	if o.code != code || (o.stderr == "") != (code == exitOK) {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
}

// requireFailure fails the test unless the program ended with code, all of said on stderr and
// nothing on stdout.
func (o outcome) requireFailure(t *testing.T, code int, said ...string) {
	t.Helper()
	o.requireCode(t, code)
	if o.stdout != "" {
		t.Errorf("stdout of a failure: %q", o.stdout)
	}
	for _, text := range said {
		if !strings.Contains(o.stderr, text) {
			t.Errorf("stderr lacks %q:\n%s", text, o.stderr)
		}
	}
}

// newWorkspace makes a workspace whose admin has modelstest.Password, and returns its id.
func newWorkspace(t *testing.T, env map[string]string) string {
	t.Helper()
	made := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin")
	made.requireCode(t, exitOK)
	return strings.TrimSpace(made.stdout)
}

// newKey makes a key, and returns its text.
func newKey(t *testing.T, env map[string]string, workspace, name, scopes string, more ...string) string {
	t.Helper()
	args := append([]string{"keys", "create", "--workspace", workspace, "--name", name, "--scopes", scopes}, more...)
	made := skipup(t, env, args...)
	made.requireCode(t, exitOK)
	return strings.TrimSuffix(made.stdout, "\n")
}
