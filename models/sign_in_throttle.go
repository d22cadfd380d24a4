package models

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// throttleMemory is how long a failed attempt counts.
const throttleMemory = 24 * time.Hour

// throttle is how attempts under one subject are slowed: a number of free ones, then a wait
// that doubles from a second up to the longest. An account's longest wait is short, so that
// its owner gets in from an unknown device even while somebody else keeps guessing.
type throttle struct {
	free    int
	longest time.Duration
}

var (
	accountThrottle = throttle{free: 5, longest: 30 * time.Second}
	addressThrottle = throttle{free: 20, longest: 15 * time.Minute}
)

func (t throttle) wait(failures int) time.Duration {
	if failures < t.free {
		return 0
	}
	return min(time.Second<<min(failures-t.free, 20), t.longest)
}

// signInThrottle counts the attempts under a subject: an account, an address or a device, as
// a hash, since what is typed into the address field may be a password.
type signInThrottle struct {
	Subject      string `gorm:"primaryKey"`
	Failures     int
	BlockedUntil time.Time
	UpdatedAt    time.Time
}

// knownDevice is a browser in which a user has signed in.
type knownDevice struct {
	Digest     []byte `gorm:"primaryKey"`
	UserID     string
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// signInAttempt is one attempt, counted as a failure until it is forgiven.
type signInAttempt struct {
	own     []string // subjects that a success clears
	address string   // the subject that a success only puts back by one
	device  string   // the device cookie, if it is one of this account
}

// claimAttempt counts an attempt before it is made, so that many at once are slowed like as
// many in a row, or refuses it with RateLimited and does not count it.
func (s *Store) claimAttempt(ctx context.Context, c Credentials) (signInAttempt, error) {
	var attempt signInAttempt
	err := s.Tx(ctx, func(tx *Store) error {
		known, err := tx.isKnownDevice(ctx, c)
		if err != nil {
			return err
		}
		if known {
			attempt = signInAttempt{own: []string{subject("device", c.Device)}, device: c.Device}
			return tx.count(ctx, attempt.own[0], accountThrottle)
		}
		attempt = signInAttempt{
			own:     []string{subject("account", normalEmail(c.Email))},
			address: subject("address", network(ActorOf(ctx).Address)),
		}
		// Always account before address, so that two transactions cannot wait for each other.
		if err := tx.count(ctx, attempt.own[0], accountThrottle); err != nil {
			return err
		}
		return tx.count(ctx, attempt.address, addressThrottle)
	})
	return attempt, err
}

func (s *Store) count(ctx context.Context, subject string, t throttle) error {
	now := s.now()
	row := signInThrottle{Subject: subject, BlockedUntil: now, UpdatedAt: now}
	// An insert that changes nothing if the row is there still takes its lock on PostgreSQL;
	// on SQLite the transaction holds the write lock already.
	lock := clause.OnConflict{Columns: []clause.Column{{Name: "subject"}}, DoUpdates: clause.Assignments(map[string]any{"subject": subject})}
	if err := s.with(ctx).Clauses(lock).Create(&row).Error; err != nil {
		return fmt.Errorf("lock sign-in throttle: %w", err)
	}
	if err := s.with(ctx).Where("subject = ?", subject).Take(&row).Error; err != nil {
		return fmt.Errorf("read sign-in throttle: %w", err)
	}
	if wait := row.BlockedUntil.Sub(now); wait > 0 {
		return &Error{Kind: RateLimited, Message: "Too many attempts.", RetryAfter: wait}
	}
	if now.Sub(row.UpdatedAt) > throttleMemory {
		row.Failures = 0
	}
	row.Failures++
	row.UpdatedAt, row.BlockedUntil = now, now.Add(t.wait(row.Failures))
	if err := s.with(ctx).Save(&row).Error; err != nil {
		return fmt.Errorf("write sign-in throttle: %w", err)
	}
	return nil
}

// forgiveAttempt takes back what claimAttempt counted. The address keeps its other failures:
// an attacker must not clear them by signing in to an account of their own.
func (s *Store) forgiveAttempt(ctx context.Context, attempt signInAttempt) error {
	if len(attempt.own) > 0 {
		if err := s.with(ctx).Where("subject IN ?", attempt.own).Delete(&signInThrottle{}).Error; err != nil {
			return fmt.Errorf("clear sign-in throttle: %w", err)
		}
	}
	err := s.with(ctx).Model(&signInThrottle{}).Where("subject = ? AND failures > 0", attempt.address).
		Updates(map[string]any{"failures": gorm.Expr("failures - 1"), "blocked_until": s.now()}).Error
	if err != nil {
		return fmt.Errorf("put back sign-in throttle: %w", err)
	}
	return nil
}

func (s *Store) isKnownDevice(ctx context.Context, c Credentials) (bool, error) {
	if c.Device == "" {
		return false, nil
	}
	var devices int64
	err := s.with(ctx).Model(&knownDevice{}).
		Joins("JOIN users ON users.id = known_devices.user_id").
		Where("known_devices.digest = ? AND users.email = ?", digestOf(c.Device), normalEmail(c.Email)).
		Count(&devices).Error
	if err != nil {
		return false, fmt.Errorf("read known device: %w", err)
	}
	return devices == 1, nil
}

// knowDevice remembers that the user has signed in on this device, and returns its cookie.
func (s *Store) knowDevice(ctx context.Context, userID, cookie string) (string, error) {
	now := s.now()
	if cookie != "" {
		err := s.with(ctx).Model(&knownDevice{}).Where("digest = ?", digestOf(cookie)).Update("last_used_at", now).Error
		if err != nil {
			return "", fmt.Errorf("update known device: %w", err)
		}
		return cookie, nil
	}
	cookie = rand.Text()
	device := knownDevice{Digest: digestOf(cookie), UserID: userID, CreatedAt: now, LastUsedAt: now}
	if err := s.with(ctx).Create(&device).Error; err != nil {
		return "", fmt.Errorf("insert known device: %w", err)
	}
	return cookie, nil
}

// network is the part of an address that belongs to one customer: all of IPv4, the first 64
// bits of IPv6 (RFC 6177 §2), within which anybody has as many addresses as they like.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

func subject(kind, value string) string {
	return kind + ":" + hex.EncodeToString(digestOf(value))
}
