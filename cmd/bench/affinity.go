package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pinned names the environment variable that holds the core a process is pinned to.
const pinned = "BENCH_PINNED"

// pinToCore moves the whole process to one core. It sets the affinity of this thread and then
// executes the program again, so that every thread inherits it.
func pinToCore(core int) error {
	if os.Getenv(pinned) == fmt.Sprint(core) {
		return nil
	}
	var cores unix.CPUSet
	cores.Set(core)
	if err := unix.SchedSetaffinity(0, &cores); err != nil {
		return fmt.Errorf("move to core %d: %w", core, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	environment := append(os.Environ(), fmt.Sprintf("%s=%d", pinned, core))
	return syscall.Exec(self, os.Args, environment)
}
