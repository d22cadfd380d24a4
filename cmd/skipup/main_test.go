package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// asProgram is the environment variable that makes this test binary run as skipup, for tests that
// need a separate process.
const asProgram = "TEST_AS_SKIPUP"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	syscall.Umask(0o077) // as main does
	os.Exit(m.Run())
}

// eachDatabase runs test on an empty SQLite file and on an empty PostgreSQL schema, in parallel.
func eachDatabase(t *testing.T, test func(t *testing.T, env map[string]string)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteEnv(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, map[string]string{"DATABASE_URL": modelstest.PostgreSQLURL(t)})
	})
}

func sqliteEnv(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"DATABASE_URL": modelstest.SQLiteURL(t)}
}

// outcome is the result of a run of the program.
type outcome struct {
	code           int
	stdout, stderr string
}

// skipup runs the program with empty standard input.
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

// secretText matches API keys, setup links, and the passwords of these tests.
var secretText = regexp.MustCompile(`[a-z][a-z0-9]+_(live|test)_[0-9A-Za-z]{36}|` + path.SetUp + `[A-Z2-7]{26}|` + modelstest.Password + `|hunter2`)

// requireNoSecrets checks that log contains no secrets.
func requireNoSecrets(t *testing.T, log string) {
	t.Helper()
	if found := secretText.FindString(log); found != "" {
		t.Errorf("stderr contains %q:\n%s", found, log)
	}
}

// requireCode checks the exit code, and that stderr is empty if and only if the program succeeded.
func (o outcome) requireCode(t *testing.T, code int) {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code = %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
	if failed := code != exitOK; failed != (o.stderr != "") {
		t.Fatalf("exit code = %d with stderr: %s", o.code, o.stderr)
	}
}

// requireFailure checks that the program failed with code, printed texts to stderr and nothing to
// stdout.
func (o outcome) requireFailure(t *testing.T, code int, texts ...string) {
	t.Helper()
	o.requireCode(t, code)
	if o.stdout != "" {
		t.Errorf("stdout = %q, want nothing", o.stdout)
	}
	for _, text := range texts {
		if !strings.Contains(o.stderr, text) {
			t.Errorf("stderr lacks %q:\n%s", text, o.stderr)
		}
	}
}

// newWorkspace creates a workspace whose admin has modelstest.Password, and returns its ID.
func newWorkspace(t *testing.T, env map[string]string) string {
	t.Helper()
	if file, isSQLite := models.SQLiteFile(env["DATABASE_URL"]); isSQLite {
		copyMigrated(t, file)
	}
	created := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin")
	created.requireCode(t, exitOK)
	return strings.TrimSpace(created.stdout)
}

// migrated is a migrated SQLite database. To migrate takes more time than most tests.
var migrated = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "skipup-migrated-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file, stderr := filepath.Join(folder, "skipup.db"), &bytes.Buffer{}
	if run(context.Background(), []string{"migrate", "--database", "sqlite:" + file}, nil, strings.NewReader(""), io.Discard, stderr) != exitOK {
		return nil, errors.New(stderr.String())
	}
	return os.ReadFile(file)
})

// copyMigrated creates a migrated database in a file, unless it exists.
func copyMigrated(t *testing.T, file string) {
	t.Helper()
	if _, err := os.Stat(file); err == nil {
		return
	}
	content, err := migrated()
	if err != nil {
		t.Fatalf("create a migrated database: %v", err)
	}
	writeFile(t, file, string(content))
}

// newKey creates a key and returns its text.
func newKey(t *testing.T, env map[string]string, workspace, name, scopes string, more ...string) string {
	t.Helper()
	args := append([]string{"keys", "create", "--workspace", workspace, "--name", name, "--scopes", scopes}, more...)
	created := skipup(t, env, args...)
	created.requireCode(t, exitOK)
	return strings.TrimSuffix(created.stdout, "\n")
}

// requireIn checks that a timestamp in JSON is a duration from now, less up to testTimeout.
func requireIn(t *testing.T, timestamp any, duration time.Duration) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, timestamp.(string))
	if err != nil {
		t.Fatal(err)
	}
	left := time.Until(at)
	if left > duration+time.Second { // timestamps are rounded
		t.Errorf("%v is %v from now, want at most %v", timestamp, left, duration)
	}
	if left < duration-testTimeout {
		t.Errorf("%v is %v from now, want %v", timestamp, left, duration)
	}
}

// eventually waits until condition holds. It fails the test with message after testTimeout.
func eventually(t *testing.T, message string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(message)
		}
	}
}
