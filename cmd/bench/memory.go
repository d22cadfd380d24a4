package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// measureMemory prints the memory of a process with a gate that holds a number of keys.
func measureMemory(ctx context.Context, p plan) error {
	if !p.includes("memory") {
		return nil
	}
	fmt.Println("\nMemory of a process with keys in memory")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, keys := range []int{1_000, 100_000, 1_000_000} {
		if err := holdInChild(ctx, self, keys); err != nil {
			return fmt.Errorf("%d keys: %w", keys, err)
		}
	}
	return nil
}

// holdInChild runs hold in a process of its own, which prints the result.
func holdInChild(ctx context.Context, self string, keys int) error {
	dir, err := os.MkdirTemp("", "skipup-bench-")
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, "-hold", dir, "-keys", strconv.Itoa(keys))
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	return errors.Join(child.Run(), os.RemoveAll(dir))
}

// hold uses each of count keys once with a gate, and prints the memory of the process.
func hold(ctx context.Context, dir string, count int) (err error) {
	store, err := models.Open("sqlite:"+dir+"/bench.db", models.Options{MaxAPIKeys: -1, KeyCreations: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, err := fill(ctx, store, dir, count)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	gate := web.NewKeyGate(store, web.GateOptions{Log: quiet})
	work.Go(func() { gate.Run(running) })
	server := echo.New()
	server.GET("/gate", func(c echo.Context) error { return c.NoContent(http.StatusOK) }, gate.Guard)
	if err := awaitReady(ctx, gate); err != nil {
		return err
	}
	for _, key := range keys {
		for !accepts(server, key) { // a busy machine may take too long to read a key
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	gate.Flush(ctx)
	keys = nil
	runtime.GC()
	resident, err := residentMB("VmRSS")
	if err != nil {
		return err
	}
	peak, err := residentMB("VmHWM")
	fmt.Printf("  %9d keys: %d MB resident after each was used once, at most %d MB\n", count, resident, peak)
	return err
}

// accepts reports whether a server accepts a request with a key.
func accepts(server http.Handler, key string) bool {
	request := httptest.NewRequest(http.MethodGet, "/gate", nil)
	request.Header.Set(echo.HeaderAuthorization, "Bearer "+key)
	response := &status{}
	server.ServeHTTP(response, request)
	return response.code == http.StatusOK
}

// residentMB returns a value in /proc/self/status in megabytes.
func residentMB(name string) (int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	match := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("/proc/self/status has no %s", name)
	}
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(match[1])))
	return kilobytes * 1024 / 1_000_000, err
}
