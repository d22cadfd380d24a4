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

// TestWhatIsDueIsMailedAtOnce, one after the other, but what fails not again and again; and what is on
// its way when the end comes is seen through.
func TestWhatIsDueIsMailedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		var calls atomic.Int64
		ended := false
		next := func(ctx context.Context) (bool, error) {
			switch calls.Add(1) {
			case 3:
				return true, errors.New("no database")
			case 5:
				return false, nil
			case 6:
				stop()
				if ctx.Err() != nil {
					t.Errorf("a mail on its way is broken off: %v", ctx.Err())
				}
			}
			return true, nil
		}
		go func() {
			mailDue(ctx, time.Hour, slog.New(slog.NewTextHandler(&log, nil)), next)
			ended = true
		}()
		for _, want := range []int64{3, 5, 6} {
			synctest.Wait()
			if got := calls.Load(); got != want {
				t.Fatalf("%v: called %d times, want %d", time.Now(), got, want)
			}
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		if !ended || !strings.Contains(log.String(), "no database") {
			t.Errorf("ended: %t, log: %s", ended, &log)
		}
	})
}

// TestNobodyWaitsForTheEnd of what mails where nothing is due.
func TestNobodyWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ended := false
		go func() {
			mailDue(ctx, time.Hour, slog.New(slog.DiscardHandler), func(context.Context) (bool, error) { return false, nil })
			ended = true
		}()
		synctest.Wait()
		stop()
		synctest.Wait()
		if !ended {
			t.Error("it goes on until the next tick")
		}
	})
}
