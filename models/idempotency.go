package models

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// IdempotencyLife is how long a request that is sent again gets its first answer.
const IdempotencyLife = 24 * time.Hour

// IdempotentRequest is a request that may be sent again without being done again.
type IdempotentRequest struct {
	APIKeyID    string
	Key         string // the client's name for the request
	Fingerprint []byte // of method, path and body: the same for the same request
}

// IdempotentAnswer is the answer to such a request.
type IdempotentAnswer struct {
	Status   int
	Body     []byte
	Replayed bool // it was given before
}

// idempotentAnswer is the first answer to a request that may be sent again.
type idempotentAnswer struct {
	APIKeyID    string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey"`
	Fingerprint []byte
	Status      int
	Body        []byte
	CreatedAt   time.Time
}

var (
	errStillRunning = Errorf(Conflict, "A request with this Idempotency-Key is still running. Send it again in a moment.")
	errOtherRequest = Errorf(FailedPrecondition, "This Idempotency-Key was used for another request. Take a new key for a new request.")
)

// Once does a request once. Do makes it within tx and returns the answer, of which only what
// may be kept: the change and its answer are stored in one transaction, so that a crash leaves
// both or neither. Sent again within IdempotencyLife, the request is answered from there. A
// second one while the first is running is a Conflict, and the same key on another request is
// Refused. What do refuses is not kept: the key can be used again for a better request.
func (s *Store) Once(ctx context.Context, r IdempotentRequest, do func(tx *Store) (IdempotentAnswer, error)) (IdempotentAnswer, error) {
	if _, running := s.running.LoadOrStore(r.id(), true); running {
		return IdempotentAnswer{}, errStillRunning
	}
	defer s.running.Delete(r.id())
	var answer IdempotentAnswer
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.claimRequest(ctx, r); err != nil {
			return err
		}
		first, err := tx.firstAnswer(ctx, r)
		if err != nil || first != nil {
			if first != nil {
				answer = *first
			}
			return err
		}
		if answer, err = do(tx); err != nil {
			return err
		}
		return tx.keepAnswer(ctx, r, answer)
	})
	return answer, err
}

func (r IdempotentRequest) id() string { return r.APIKeyID + " " + r.Key }

// claimRequest sees that no other node is at the same request. On SQLite the transaction itself
// has waited for it.
func (s *Store) claimRequest(ctx context.Context, r IdempotentRequest) error {
	if s.dialect.name == sqlite {
		return nil
	}
	sum := sha256.Sum256([]byte(r.id()))
	var claimed bool
	err := s.with(ctx).Raw("SELECT pg_try_advisory_xact_lock(?)", int64(binary.BigEndian.Uint64(sum[:8]))).Scan(&claimed).Error
	if err != nil {
		return fmt.Errorf("claim request: %w", err)
	}
	if !claimed {
		return errStillRunning
	}
	return nil
}

// firstAnswer is the answer that was given to r before, or nil.
func (s *Store) firstAnswer(ctx context.Context, r IdempotentRequest) (*IdempotentAnswer, error) {
	var row idempotentAnswer
	err := s.with(ctx).Where("api_key_id = ? AND key = ?", r.APIKeyID, r.Key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read first answer: %w", err)
	}
	if !row.CreatedAt.Add(IdempotencyLife).After(s.now()) {
		if err := s.with(ctx).Delete(&row).Error; err != nil {
			return nil, fmt.Errorf("delete old answer: %w", err)
		}
		return nil, nil
	}
	if subtle.ConstantTimeCompare(row.Fingerprint, r.Fingerprint) == 0 {
		return nil, errOtherRequest
	}
	return &IdempotentAnswer{Status: row.Status, Body: row.Body, Replayed: true}, nil
}

func (s *Store) keepAnswer(ctx context.Context, r IdempotentRequest, answer IdempotentAnswer) error {
	row := idempotentAnswer{
		APIKeyID: r.APIKeyID, Key: r.Key, Fingerprint: r.Fingerprint, Status: answer.Status, Body: answer.Body, CreatedAt: s.now(),
	}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}
