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

// throttle limits failed attempts: after a number of free ones, the wait doubles from one second
// up to the longest. For an account the longest wait is short, so that its owner can sign in from
// an unknown device while someone else is guessing passwords.
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

// signInThrottle counts the attempts for a subject: an account, an IP address, or a device. The
// subject is hashed, because people sometimes type their password into the email field.
type signInThrottle struct {
	Subject      string `gorm:"primaryKey"`
	Failures     int
	BlockedUntil time.Time
	UpdatedAt    time.Time
}

// knownDevice is a browser from which a user has signed in.
type knownDevice struct {
	Digest     []byte `gorm:"primaryKey"`
	UserID     string
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// signInAttempt is an attempt that counts as failed until it is cleared.
type signInAttempt struct {
	own     []string // subjects that are reset on success
	address string   // subject that is only decremented on success
	device  string   // the device cookie, if it belongs to this account
}

// claimAttempt counts an attempt before it is made, so that concurrent attempts are limited too.
// It returns RateLimited, without counting the attempt, if it comes too early.
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
		// Locking account and address in this order avoids deadlocks.
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
	// On PostgreSQL, an upsert that changes nothing still locks the row.
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

// clearAttempt undoes claimAttempt after a successful sign-in. The address keeps its other
// failures, so that attackers can't reset them by signing in to their own account.
func (s *Store) clearAttempt(ctx context.Context, attempt signInAttempt) error {
	if len(attempt.own) > 0 {
		if err := s.with(ctx).Where("subject IN ?", attempt.own).Delete(&signInThrottle{}).Error; err != nil {
			return fmt.Errorf("clear sign-in throttle: %w", err)
		}
	}
	err := s.with(ctx).Model(&signInThrottle{}).Where("subject = ? AND failures > 0", attempt.address).
		Updates(map[string]any{"failures": gorm.Expr("failures - 1"), "blocked_until": s.now()}).Error
	if err != nil {
		return fmt.Errorf("decrement sign-in throttle: %w", err)
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

// rememberDevice records that the user has signed in from a device and returns its cookie.
func (s *Store) rememberDevice(ctx context.Context, userID, cookie string) (string, error) {
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

// network returns the part of an IP address that identifies one customer: an IPv4 address, or the
// first 64 bits of an IPv6 address (RFC 6177 §2).
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
