package mail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPoll checks that due emails are sent without pausing, that a failure waits for the next
// interval, and that the email being sent on shutdown is finished.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		var calls atomic.Int64
		done := false
		next := func(ctx context.Context) (bool, error) {
			switch calls.Add(1) {
			case 3:
				return true, errors.New("no database")
			case 5:
				return false, nil
			case 6:
				stop()
				if ctx.Err() != nil {
					t.Errorf("context of the last email: %v, want no error", ctx.Err())
				}
			}
			return true, nil
		}
		go func() {
			poll(ctx, time.Hour, slog.New(slog.NewTextHandler(&log, nil)), next)
			done = true
		}()
		for _, want := range []int64{3, 5, 6} {
			synctest.Wait()
			if got := calls.Load(); got != want {
				t.Fatalf("calls = %d, want %d", got, want)
			}
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		if !done {
			t.Error("poll did not return")
		}
		if !strings.Contains(log.String(), "no database") {
			t.Errorf("log = %q, want the error", &log)
		}
	})
}

func TestPollStopsBetweenIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := false
		go func() {
			poll(ctx, time.Hour, slog.New(slog.DiscardHandler), func(context.Context) (bool, error) { return false, nil })
			done = true
		}()
		synctest.Wait()
		stop()
		synctest.Wait()
		if !done {
			t.Error("poll waits for the next interval")
		}
	})
}
