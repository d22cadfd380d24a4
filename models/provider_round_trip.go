package models

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// RoundTripLife is how long someone can take to sign in at the provider of single sign-on.
const RoundTripLife = 10 * time.Minute

// roundTrip is a browser's way to the provider and back. The database stores only the hash of its ID, which the
// browser has in a cookie.
type roundTrip struct {
	Digest        []byte `gorm:"primaryKey"`
	SessionDigest []byte // of the person who proves who they are; empty for a sign-in
	Next          string
	ExpiresAt     time.Time
	CreatedAt     time.Time
}

// TableName returns the name of the table.
func (roundTrip) TableName() string { return "provider_round_trips" }

// RoundTrip is a browser that has returned from the provider.
type RoundTrip struct {
	Next   string // the page to continue to
	Proves bool   // a signed-in person proves who they are, instead of signing in
}

// ErrRoundTrip is returned for a round trip that has expired, was completed, or never began in this browser.
var ErrRoundTrip = Errorf(NotFound, "This sign-in has expired, was already completed, or began in another browser. Try again.")

// BeginRoundTrip starts a round trip to the provider that continues to next, and returns its ID. If session isn't
// empty, its owner proves who they are. Round trips are rate limited by IP address and network, until they lead to a
// sign-in: the error is RateLimited with RetryAfter.
func (s *Store) BeginRoundTrip(ctx context.Context, session, next string) (string, error) {
	if err := s.count(ctx, roundTripLimits(ctx)); err != nil {
		return "", err
	}
	id, now := rand.Text(), s.now()
	row := roundTrip{Digest: digestOf(id), SessionDigest: []byte{}, Next: next, ExpiresAt: now.Add(RoundTripLife), CreatedAt: now}
	if session != "" {
		row.SessionDigest = digestOf(session)
	}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return "", fmt.Errorf("insert round trip: %w", err)
	}
	return id, nil
}

// EndRoundTrip ends a round trip, successful or not, so that its ID no longer works. It returns ErrRoundTrip if it has
// ended before, and if the session differs from that of the person who proves who they are.
func (s *Store) EndRoundTrip(ctx context.Context, id, session string) (*RoundTrip, error) {
	var row roundTrip
	err := s.Tx(ctx, func(tx *Store) error {
		err := tx.with(ctx).Where("digest = ? AND expires_at > ?", digestOf(id), tx.now()).Take(&row).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return ErrRoundTrip
		}
		if err != nil {
			return fmt.Errorf("read round trip: %w", err)
		}
		ended := tx.with(ctx).Where("digest = ?", row.Digest).Delete(&roundTrip{})
		if ended.Error != nil {
			return fmt.Errorf("delete round trip: %w", ended.Error)
		}
		if ended.RowsAffected == 0 { // another request was faster
			return ErrRoundTrip
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	proves := len(row.SessionDigest) > 0
	if proves && !bytes.Equal(row.SessionDigest, digestOf(session)) {
		return nil, ErrRoundTrip
	}
	return &RoundTrip{Next: row.Next, Proves: proves}, nil
}

// roundTripLimits returns the limits of round trips from the IP address of the actor in ctx.
func roundTripLimits(ctx context.Context) []attemptLimit {
	address := ActorOf(ctx).Address
	return []attemptLimit{
		{subject("round_trip_address", prefixOf(address, 32, 64)), addressThrottle, true},
		{subject("round_trip_network", networkOf(address)), networkThrottle, true},
	}
}
