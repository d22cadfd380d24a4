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
	write := func() error {
		return s.Tx(s.ctx, func(*models.Store) error {
			time.Sleep(2 * time.Millisecond) // as long as a transaction on a busy machine
			return nil
		})
	}
	const writers, turns = 6, 30
	var connected sync.WaitGroup
	connected.Add(writers)
	var all atomic.Int64
	errs := atOnce(writers, func(i int) error {
		err := write()
		connected.Done()
		connected.Wait()
		own := 0
		for err == nil && all.Load() < writers*turns {
			err = write()
			all.Add(1)
			own++
		}
		if own < turns/5 {
			t.Errorf("writer %d had %d of %d turns, want about %d", i, own, writers*turns, turns)
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
