package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pinned marks a process that has been put on its core already.
const pinned = "SKIPUP_BENCH_PINNED"

// onCore puts the whole process on one core. A thread's core is inherited by the threads it
// starts, and by what it executes: so it is chosen, and the program started over.
func onCore(core int) error {
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
