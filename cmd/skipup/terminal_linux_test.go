package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/skipup/keys/models/modelstest"
)

// newTerminal returns the user's and the program's end of a pseudoterminal.
func newTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// interrupt is a line for typing that cancels the program, like Ctrl-C.
const interrupt = "\x03"

// runAtTerminal runs "workspace create" at a terminal and types one line per prompt, which doesn't echo. It
// returns the outcome and what the terminal showed.
func runAtTerminal(t *testing.T, env map[string]string, lines ...string) (outcome, string) {
	t.Helper()
	args := []string{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin"}
	return atTerminal(t, env, args, func(fd int) bool { return !echoes(t, fd) }, lines...)
}

// runCommandAtTerminal runs a command at a terminal and types one line per prompt. It returns the outcome
// and what the terminal showed.
func runCommandAtTerminal(t *testing.T, env map[string]string, args []string, lines ...string) (outcome, string) {
	t.Helper()
	return atTerminal(t, env, args, func(int) bool { return true }, lines...)
}

func atTerminal(t *testing.T, env map[string]string, args []string, prompts func(fd int) bool, lines ...string) (outcome, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	user, terminal := newTerminal(t)
	var stdout, stderr, shown output
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := user.Read(buffer)
			_, _ = shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	exited := make(chan int, 1)
	go func() { exited <- run(ctx, args, env, terminal, &stdout, &stderr) }()

	fd := int(terminal.Fd())
	for i, line := range lines {
		eventually(t, "no prompt", func() bool { return prompted(stderr.String(), i+1) && prompts(fd) })
		if line == interrupt {
			cancel()
		} else if _, err := user.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case code := <-exited:
		if !echoes(t, fd) {
			t.Error("echo is still off after the command")
		}
		return outcome{code, stdout.String(), stderr.String()}, shown.String()
	case <-time.After(testTimeout):
		t.Fatalf("the command did not exit\nstderr: %s", &stderr)
		panic("unreachable")
	}
}

// prompted reports whether text ends in a prompt and has at least n.
func prompted(text string, n int) bool {
	return strings.HasSuffix(text, ": ") && strings.Count(text, ": ") >= n
}

func echoes(t *testing.T, fd int) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestPasswordFromTerminal(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	got, shown := runAtTerminal(t, env, modelstest.Password+"\n", modelstest.Password+"\n")
	if got.code != exitOK || !workspaceID.MatchString(got.stdout) {
		t.Fatalf("%+v", got)
	}
	if strings.Contains(shown, "passphrase") {
		t.Errorf("the terminal shows the password: %q", shown)
	}
	signIn(t, env, modelstest.Password)
}

func TestPasswordFromTerminalIsRejected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"passwords differ", []string{modelstest.Password + "\n", "another long passphrase\n"}, "passwords don't match"},
		{"empty", []string{"\n"}, "no password entered"},
		{"too short", []string{"short\n", "short\n"}, "the password must have at least 15 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := runAtTerminal(t, sqliteEnv(t), tt.lines...)
			got.requireFailure(t, exitUsage, tt.want)
		})
	}
}

func TestInterruptAtThePrompt(t *testing.T) {
	t.Parallel()
	got, _ := runAtTerminal(t, sqliteEnv(t), interrupt)
	got.requireFailure(t, exitInterrupted, "interrupted")
}

func TestLogFormat(t *testing.T) {
	user, terminal := newTerminal(t)
	if !term.IsTerminal(int(terminal.Fd())) {
		t.Fatal("the pseudoterminal is not a terminal")
	}
	newLogger(terminal, slog.LevelInfo).Info("listening", "address", "127.0.0.1:8080")
	buffer := make([]byte, 1024)
	n, err := user.Read(buffer)
	if err != nil || !regexp.MustCompile(`^time=\S+ level=INFO msg=listening address=127.0.0.1:8080\r\n$`).Match(buffer[:n]) {
		t.Errorf("log on a terminal = %q, %v, want text", buffer[:n], err)
	}
	var file strings.Builder
	newLogger(&file, slog.LevelInfo).Info("listening", "address", "127.0.0.1:8080")
	if !regexp.MustCompile(`^\{"time":"[^"]+","level":"INFO","msg":"listening","address":"127.0.0.1:8080"\}\n$`).MatchString(file.String()) {
		t.Errorf("log in a file = %s, want JSON", &file)
	}
}

// runWithProgress runs a command whose standard error is a terminal, and returns what it shows and its exit code.
func runWithProgress(t *testing.T, ctx context.Context, env map[string]string, stdin io.Reader, args ...string) (shown *output, exited <-chan int) {
	t.Helper()
	user, terminal := newTerminal(t)
	shown = &output{}
	go func() { _, _ = io.Copy(shown, user) }()
	codes := make(chan int, 1)
	go func() { codes <- run(ctx, args, env, stdin, io.Discard, terminal) }()
	return shown, codes
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	for _, tt := range []struct{ command, step string }{
		{"migrate", "Updating the schema"},
		{"audit verify", "Verifying events"},
	} {
		if tt.command != "migrate" {
			newWorkspace(t, env) // has events
		}
		shown, exited := runWithProgress(t, t.Context(), env, strings.NewReader(""), strings.Fields(tt.command)...)
		if code := <-exited; code != exitOK {
			t.Errorf("%s: exit code = %d: %s", tt.command, code, shown)
		}
		eventually(t, tt.command+" shows no progress", func() bool { return strings.Contains(shown.String(), tt.step) })
	}

	ctx, cancel := context.WithCancel(t.Context())
	stdin, input := io.Pipe() // never ends
	defer input.Close()
	shown, exited := runWithProgress(t, ctx, env, stdin, "keys", "scan", "-")
	eventually(t, "keys scan shows no progress", func() bool { return strings.Contains(shown.String(), "Scanning files") })
	cancel()
	if code := <-exited; code != exitInterrupted {
		t.Errorf("keys scan: exit code after an interrupt = %d, want %d", code, exitInterrupted)
	}
	eventually(t, "keys scan doesn't say that it was interrupted", func() bool { return strings.Contains(shown.String(), "skipup: interrupted") })
}
