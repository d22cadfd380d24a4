package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// benched is the server that is measured, a process of its own.
type benched struct {
	process *exec.Cmd
	dir     string
	address string
	keys    []string
}

func startServer(ctx context.Context, keys int) (*benched, error) {
	dir, err := os.MkdirTemp("", "skipup-bench-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &benched{dir: dir, process: exec.CommandContext(ctx, self, "-serve", dir, "-keys", strconv.Itoa(keys))}
	b.process.Stderr = os.Stderr
	b.process.Env = slices.DeleteFunc(append(os.Environ(), "GOMAXPROCS=1"), func(v string) bool { return strings.HasPrefix(v, pinned) })
	output, err := b.process.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.process.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("the server has not started: %w", err)
	}
	b.address = strings.TrimSpace(line)
	text, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		b.stop()
		return nil, err
	}
	b.keys = strings.Fields(string(text))
	return b, b.await()
}

// await asks until the server answers.
func (b *benched) await() error {
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err := b.settle(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// settle has the server store the counts that it holds, so that it does not do so while another
// variant is measured.
func (b *benched) settle() error {
	answer, err := http.Post("http://"+b.address+settlePath, "", nil)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.Body.Close()
}

// work is for how long the server has been at work, on all of its threads.
func (b *benched) work() (total time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", b.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		spent, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(spent)
	}
	return total, nil
}

func (b *benched) stop() {
	_ = b.process.Process.Signal(syscall.SIGTERM)
	_ = b.process.Wait()
	_ = os.RemoveAll(b.dir)
}
