package models_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestWritersTakeTurnsOnSQLite checks that no writer is overtaken again and again by the others.
func TestWritersTakeTurnsOnSQLite(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	write := func() error { return s.DB().Exec("UPDATE workspaces SET name = name").Error }
	const writers, turns = 6, 20
	var connected sync.WaitGroup
	connected.Add(writers)
	var all atomic.Int64
	errs := atOnce(writers, func(i int) error {
		err := write()
		connected.Done()
		connected.Wait()
		var own, waited int64 // turns of this writer, and turns of all in the meantime
		for err == nil && all.Load() < writers*turns {
			before := all.Load()
			err = write()
			waited += all.Add(1) - before
			own++
		}
		if own > 0 && waited/own > 4*writers {
			t.Errorf("writer %d waited for %d turns on average, want about %d", i, waited/own, writers)
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWaitingForATurnCanBeCanceled(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	err := s.Tx(s.ctx, func(*models.Store) error {
		ctx, cancel := context.WithTimeout(s.ctx, time.Millisecond)
		defer cancel()
		return s.DB().WithContext(ctx).Exec("UPDATE workspaces SET name = name").Error
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
	}
}
