package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/skipup/keys/models"
)

func TestExplain(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("read API key: %w", err) }
	tests := []struct {
		name string
		err  error
		text string
		code int
	}{
		{"a mistake", usageErrors{"--addr is wrong"}, "--addr is wrong", exitUsage},
		{"several", usageErrors{"--addr is wrong", "--name is wrong"}, "2 things are wrong:\n  --addr is wrong\n  --name is wrong", exitUsage},
		{"an invalid value", models.Errorf(models.Invalid, "name must not be empty."), "name must not be empty.", exitUsage},
		{"not found", models.Errorf(models.NotFound, "There is no such API key."), "There is no such API key.", exitRejected},
		{"refused", wrapped(models.Errorf(models.FailedPrecondition, "Not now.")), "Not now.", exitRejected},
		{"of the outside world", failf("port %d is in use", 80), "port 80 is in use", exitFailed},
		{"interrupted", wrapped(context.Canceled), "interrupted", exitFailed},
		{"no answer", wrapped(context.DeadlineExceeded), "the database gives no answer: read API key: context deadline exceeded", exitFailed},
		{"anything else", wrapped(errors.New("syntax error")), "internal error: read API key: syntax error", exitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &program{started: true}
			if text, code := p.explain(tt.err); text != tt.text || code != tt.code {
				t.Errorf("got %q and %d, want %q and %d", text, code, tt.text, tt.code)
			}
		})
	}
	if text, code := (&program{}).explain(errors.New("unknown flag: --port")); text != "unknown flag: --port" || code != exitUsage {
		t.Errorf("before the command runs: %q and %d", text, code)
	}
}
