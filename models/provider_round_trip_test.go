package models_test

import (
	"errors"
	"testing"

	"github.com/skipup/keys/models"
)

// TestConcurrentReturnsHaveOneWinner sends the browser of one round trip back several times at once.
func TestConcurrentReturnsHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 5 {
			id, err := s.BeginRoundTrip(s.ctx, "", "/")
			if err != nil {
				t.Fatal(err)
			}
			wantOneWinner(t, atOnce(8, func(int) error {
				_, err := s.EndRoundTrip(s.ctx, id, "")
				return err
			}), func(err error) bool { return errors.Is(err, models.ErrRoundTrip) })
		}
	})
}
