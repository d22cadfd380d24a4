package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/skipup/keys/models/modelstest"
)

// newTerminal returns the two ends of a real terminal: what a person has, and what a program has.
func newTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// interrupt is a line that a person types to end the program, as Ctrl-C does.
const interrupt = "\x03"

// typing runs "workspace create" at a terminal, types each line once the program has asked for
// it with another prompt, and returns what the program left and what the terminal showed.
func typing(t *testing.T, env map[string]string, lines ...string) (outcome, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	person, terminal := newTerminal(t)
	var stdout, stderr, shown output
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := person.Read(buffer)
			_, _ = shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	ended := make(chan int, 1)
	args := []string{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada Admin"}
	go func() { ended <- run(ctx, args, env, terminal, &stdout, &stderr) }()

	fd := int(terminal.Fd())
	for i, line := range lines {
		waitFor(t, func() bool { return strings.Count(stderr.String(), ": ") == i+1 && !echoes(t, fd) })
		if line == interrupt {
			cancel()
		} else if _, err := person.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case code := <-ended:
		if !echoes(t, fd) {
			t.Error("the terminal is left without echo")
		}
		return outcome{code, stdout.String(), stderr.String()}, shown.String()
	case <-time.After(testTimeout):
		t.Fatalf("the command does not end\nstderr: %s", &stderr)
		panic("unreachable")
	}
}

func echoes(t *testing.T, fd int) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

func TestPasswordFromTerminal(t *testing.T) {
	env := sqliteEnv(t)
	got, shown := typing(t, env, modelstest.Password+"\n", modelstest.Password+"\n")
	if got.code != exitOK || !workspaceID.MatchString(got.stdout) {
		t.Fatalf("%+v", got)
	}
	if strings.Contains(shown, "passphrase") {
		t.Errorf("the terminal shows what is typed: %q", shown)
	}
	signIn(t, env, modelstest.Password)
}

func TestRefusedPasswordFromTerminal(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		said  string
	}{
		{"not the same twice", []string{modelstest.Password + "\n", "another long passphrase\n"}, "the two passwords differ"},
		{"nothing", []string{"\n"}, "no password was typed"},
		{"too short", []string{"short\n", "short\n"}, "the password must have at least 15 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := typing(t, sqliteEnv(t), tt.lines...)
			got.requireFailure(t, exitUsage, tt.said)
		})
	}
}

// An interrupt at the prompt ends the command at once, and gives the terminal its echo back.
func TestInterruptAtThePrompt(t *testing.T) {
	got, _ := typing(t, sqliteEnv(t), interrupt)
	got.requireFailure(t, exitFailed, "interrupted")
}

func TestLogFormat(t *testing.T) {
	person, terminal := newTerminal(t)
	if !term.IsTerminal(int(terminal.Fd())) {
		t.Fatal("the test's terminal is none")
	}
	newLogger(terminal).Info("listening", "address", "127.0.0.1:8080")
	buffer := make([]byte, 1024)
	n, err := person.Read(buffer)
	if err != nil || !regexp.MustCompile(`^time=\S+ level=INFO msg=listening address=127.0.0.1:8080\r\n$`).Match(buffer[:n]) {
		t.Errorf("on a terminal: %q, %v", buffer[:n], err)
	}
	var elsewhere strings.Builder
	newLogger(&elsewhere).Info("listening", "address", "127.0.0.1:8080")
	if !regexp.MustCompile(`^\{"time":"[^"]+","level":"INFO","msg":"listening","address":"127.0.0.1:8080"\}\n$`).MatchString(elsewhere.String()) {
		t.Errorf("elsewhere: %s", &elsewhere)
	}
}
