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

// server is a server under test, which runs in its own process.
type server struct {
	process *exec.Cmd
	ended   chan struct{} // closed when the process has
	dir     string
	address string
	keys    []string
	behind  []*server // that a proxy asks
}

// startServer starts this program as a server that holds a number of keys in memory.
func startServer(ctx context.Context, keys int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startBinary(ctx, self, keys)
}

// startBinary starts a build of this program as a server.
func startBinary(ctx context.Context, binary string, keys int) (*server, error) {
	dir, err := os.MkdirTemp("", "skipup-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, process: exec.CommandContext(ctx, binary, "-serve", dir, "-keys", strconv.Itoa(keys))}
	s.process.Stderr = os.Stderr
	s.process.Env = slices.DeleteFunc(append(os.Environ(), "GOMAXPROCS=1"), func(v string) bool { return strings.HasPrefix(v, pinned) })
	output, err := s.process.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.address = strings.TrimSpace(line)
	text, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		s.stop()
		return nil, err
	}
	s.keys = strings.Fields(string(text))
	return s.await()
}

// start starts the process.
func (s *server) start() error {
	if err := s.process.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.process.Wait()
		close(s.ended)
	}()
	return nil
}

// startTimeout limits how long a process may take until it responds, after it knows its address.
const startTimeout = time.Minute

// await returns s once it responds. If it ends or takes too long, await stops it and returns an error.
func (s *server) await() (*server, error) {
	timeout := time.After(startTimeout)
	for {
		err := s.flush()
		if err == nil {
			return s, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
			continue
		case <-s.ended:
			err = fmt.Errorf("%s ended (%v) instead of serving: %w", s.process.Path, s.process.ProcessState, err)
		case <-timeout:
			err = fmt.Errorf("%s doesn't respond within %v: %w", s.process.Path, startTimeout, err)
		}
		s.stop()
		return nil, err
	}
}

// flush makes the server store its usage counts, so that it does not do so while another variant
// is measured.
func (s *server) flush() error {
	response, err := http.Post("http://"+s.address+flushPath, "", nil)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.Body.Close()
}

// cpuTime returns the CPU time that all threads of the server, and of those behind it, have used.
func (s *server) cpuTime() (total time.Duration, err error) {
	for _, behind := range s.behind {
		used, err := behind.cpuTime()
		if err != nil {
			return 0, err
		}
		total += used
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		used, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(used)
	}
	return total, nil
}

func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	<-s.ended
	_ = os.RemoveAll(s.dir)
}
