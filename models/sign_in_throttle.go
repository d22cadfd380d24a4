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
// up to the longest.
type throttle struct {
	free    int
	longest time.Duration
}

// An attempt counts for the IP address, for its network, for the network's share of the account, and for
// the account. The share is much smaller than the account's limit, so that one network can't keep the
// owner from signing in elsewhere. For an account the longest wait is short.
var (
	addressThrottle = throttle{free: 20, longest: 15 * time.Minute}
	networkThrottle = throttle{free: 100, longest: 15 * time.Minute}
	shareThrottle   = throttle{free: 5, longest: 30 * time.Second}
	accountThrottle = throttle{free: 100, longest: 30 * time.Second}
)

// unlockedAttempts is how many more attempts an account has after UnlockUser, so that an attack in
// progress doesn't lock it again at once.
const unlockedAttempts = 1000

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

// attemptLimit is the throttle of a subject. A shared one also counts rejected attempts, because those that
// come early are not by someone who waits. A successful sign-in takes back only its own attempt, so that
// attackers can't reset the limit by signing in to their own account.
type attemptLimit struct {
	subject string
	throttle
	shared bool
}

// signInAttempt is an attempt that counts as failed until it is cleared.
type signInAttempt struct {
	limits  []attemptLimit // in the order in which they are locked, which avoids deadlocks
	device  string         // the device cookie, if it belongs to this account
	isFirst bool           // the account was just created
}

// claimAttempt counts an attempt before it is made, so that concurrent attempts are limited too.
// It returns RateLimited if the attempt comes too early.
func (s *Store) claimAttempt(ctx context.Context, c Credentials) (signInAttempt, error) {
	account := accountSubject(c.Email)
	return s.claim(ctx, c, "device", []attemptLimit{
		{shareOf(account, ActorOf(ctx).Address), shareThrottle, false}, {account, accountThrottle, false},
	})
}

// claim counts an attempt by the limits of the IP address and the network and by those of the account, the
// share first. For a known device, it counts only by that of the device.
func (s *Store) claim(ctx context.Context, c Credentials, deviceKind string, ofAccount []attemptLimit) (signInAttempt, error) {
	address := ActorOf(ctx).Address
	attempt := signInAttempt{limits: append([]attemptLimit{
		{subject("address", prefixOf(address, 32, 64)), addressThrottle, true},
		{subject("network", networkOf(address)), networkThrottle, true},
	}, ofAccount...)}
	known, err := s.isKnownDevice(ctx, c)
	if err != nil {
		return attempt, err
	}
	if known {
		attempt = signInAttempt{limits: []attemptLimit{{subject(deviceKind, c.Device), ofAccount[0].throttle, false}}, device: c.Device}
	}
	return attempt, s.count(ctx, attempt.limits)
}

// count counts an attempt, or returns RateLimited if it comes too early.
func (s *Store) count(ctx context.Context, limits []attemptLimit) error {
	var wait time.Duration
	err := s.Tx(ctx, func(tx *Store) (err error) {
		wait, err = tx.countAttempt(ctx, limits)
		return err
	})
	if err == nil && wait > 0 {
		return &Error{Kind: RateLimited, Message: "Too many attempts.", RetryAfter: wait}
	}
	return err
}

// countAttempt counts an attempt and returns zero, or returns how long to wait if it comes too early.
func (s *Store) countAttempt(ctx context.Context, limits []attemptLimit) (wait time.Duration, err error) {
	now := s.now()
	var rows []signInThrottle
	for _, l := range limits {
		if wait > 0 && !l.shared {
			break // so that rejected attempts create no rows for accounts
		}
		row, err := s.lockThrottle(ctx, l.subject)
		if err != nil {
			return 0, err
		}
		wait = max(wait, row.BlockedUntil.Sub(now))
		rows = append(rows, row)
	}
	rejected := wait > 0
	for i := range rows {
		if rejected && !limits[i].shared {
			continue
		}
		rows[i].count(now, limits[i].throttle)
		if err := s.with(ctx).Save(&rows[i]).Error; err != nil {
			return 0, fmt.Errorf("write sign-in throttle: %w", err)
		}
		if rejected {
			wait = max(wait, rows[i].BlockedUntil.Sub(now))
		}
	}
	return wait, nil
}

// lockThrottle returns the row of a subject and locks it until the transaction ends.
func (s *Store) lockThrottle(ctx context.Context, subject string) (row signInThrottle, err error) {
	now := s.now()
	row = signInThrottle{Subject: subject, BlockedUntil: now, UpdatedAt: now}
	// On PostgreSQL, an upsert that changes nothing still locks the row.
	lock := clause.OnConflict{Columns: []clause.Column{{Name: "subject"}}, DoUpdates: clause.Assignments(map[string]any{"subject": subject})}
	if err := s.with(ctx).Clauses(lock).Create(&row).Error; err != nil {
		return row, fmt.Errorf("lock sign-in throttle: %w", err)
	}
	if err := s.with(ctx).Where("subject = ?", subject).Take(&row).Error; err != nil {
		return row, fmt.Errorf("read sign-in throttle: %w", err)
	}
	return row, nil
}

// count adds an attempt. A block that hasn't ended isn't extended, so that a wait is never longer than
// was announced.
func (t *signInThrottle) count(now time.Time, limit throttle) {
	if now.Sub(t.UpdatedAt) > throttleMemory {
		t.Failures = 0
	}
	t.Failures++
	t.UpdatedAt = now
	if !t.BlockedUntil.After(now) {
		t.BlockedUntil = now.Add(limit.wait(t.Failures))
	}
}

// clearAttempt undoes claimAttempt after a successful sign-in.
func (s *Store) clearAttempt(ctx context.Context, attempt signInAttempt) error {
	for _, l := range attempt.limits {
		row := s.with(ctx).Model(&signInThrottle{}).Where("subject = ?", l.subject)
		var err error
		if l.shared {
			err = row.Where("failures > 0").Updates(map[string]any{"failures": gorm.Expr("failures - 1"), "blocked_until": s.now()}).Error
		} else {
			err = row.Delete(&signInThrottle{}).Error
		}
		if err != nil {
			return fmt.Errorf("clear sign-in throttle: %w", err)
		}
	}
	return nil
}

// UnlockUser deletes the counts of failed attempts to sign in to an account, and allows many more
// before the account is limited again. The limits of IP addresses and networks stay. It returns NotFound
// if no account has the email.
func (s *Store) UnlockUser(ctx context.Context, email string) (*User, error) {
	var user *User
	err := s.Tx(ctx, func(tx *Store) (err error) {
		user, err = tx.userByEmail(ctx, email)
		if err != nil {
			return notFound(err, "account")
		}
		subjects := []string{accountSubject(email), subject("password", user.ID), codeSubject(user.ID)}
		err = tx.with(ctx).Where("subject IN ? OR subject LIKE ? OR subject LIKE ?", subjects, accountSubject(email)+"@%", codeSubject(user.ID)+"@%").Delete(&signInThrottle{}).Error
		if err != nil {
			return fmt.Errorf("delete sign-in throttles: %w", err)
		}
		now := tx.now()
		row := signInThrottle{Subject: accountSubject(email), Failures: -unlockedAttempts, BlockedUntil: now, UpdatedAt: now}
		if err := tx.with(ctx).Create(&row).Error; err != nil {
			return fmt.Errorf("insert sign-in throttle: %w", err)
		}
		return tx.auditUser(ctx, user, "user.unlocked", nil)
	})
	return user, err
}

// knownDevice returns device if the user has signed in with it before, and "" otherwise.
func (s *Store) knownDevice(ctx context.Context, user *User, device string) (string, error) {
	known, err := s.isKnownDevice(ctx, Credentials{Email: user.Email, Device: device})
	if !known {
		device = ""
	}
	return device, err
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

// networkOf returns the network of an IP address that is usually assigned to one organization: the first
// 24 bits of an IPv4 address, or the first 48 of an IPv6 address (RFC 6177 §2).
func networkOf(address string) string { return prefixOf(address, 24, 48) }

// prefixOf returns the network of an IP address with as many bits, or other text as it is. An IPv6
// network of 64 bits belongs to one customer (RFC 6177 §2).
func prefixOf(address string, bits4, bits6 int) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	bits := bits6
	if ip.Is4() {
		bits = bits4
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return address
	}
	return prefix.String()
}

func subject(kind, value string) string {
	return kind + ":" + hex.EncodeToString(digestOf(value))
}

func accountSubject(email string) string { return subject("account", normalEmail(email)) }

// shareOf returns the subject of an account's share for the network of an IP address.
func shareOf(account, address string) string {
	return account + "@" + hex.EncodeToString(digestOf(networkOf(address)))
}
