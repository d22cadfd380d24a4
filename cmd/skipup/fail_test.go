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
		{"usage error", usageErrors{"--addr is wrong"}, "--addr is wrong", exitUsage},
		{"usage errors", usageErrors{"--addr is wrong", "--name is wrong"}, "2 problems:\n  --addr is wrong\n  --name is wrong", exitUsage},
		{"invalid value", models.Errorf(models.Invalid, "name is required."), "name is required.", exitUsage},
		{"not found", models.Errorf(models.NotFound, "API key not found."), "API key not found.", exitRejected},
		{"rejected", wrapped(models.Errorf(models.FailedPrecondition, "Not now.")), "Not now.", exitRejected},
		{"failure", failf("port %d is in use", 80), "port 80 is in use", exitFailed},
		{"interrupted", wrapped(context.Canceled), "interrupted", exitInterrupted},
		{"database timeout", wrapped(context.DeadlineExceeded), "the database doesn't respond: read API key: context deadline exceeded", exitFailed},
		{"other error", wrapped(errors.New("syntax error")), "internal error: read API key: syntax error", exitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &program{started: true}
			text, code := p.explain(tt.err)
			if text != tt.text {
				t.Errorf("text = %q, want %q", text, tt.text)
			}
			if code != tt.code {
				t.Errorf("code = %d, want %d", code, tt.code)
			}
		})
	}
	t.Run("error before the command runs", func(t *testing.T) {
		text, code := (&program{}).explain(errors.New("unknown flag: --port"))
		if text != "unknown flag: --port" {
			t.Errorf("text = %q, want it unchanged", text)
		}
		if code != exitUsage {
			t.Errorf("code = %d, want %d", code, exitUsage)
		}
	})
}
