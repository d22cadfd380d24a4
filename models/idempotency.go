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

// IdempotencyLife is how long the response to a request is kept for repetitions of the request.
const IdempotencyLife = 24 * time.Hour

// IdempotentRequest identifies a request that can be repeated safely.
type IdempotentRequest struct {
	APIKeyID    string
	Key         string // value of the Idempotency-Key header
	Fingerprint []byte // hash of the method, path and body
}

// IdempotentResponse is the response to an IdempotentRequest.
type IdempotentResponse struct {
	Status   int
	Body     []byte
	Replayed bool // whether it is the stored response to an earlier request
}

// idempotentResponse is the row of a stored response.
type idempotentResponse struct {
	APIKeyID    string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey"`
	Fingerprint []byte
	Status      int
	Body        []byte
	CreatedAt   time.Time
}

// TableName returns the table, which is older than the name of the type.
func (idempotentResponse) TableName() string { return "idempotent_answers" }

var (
	errStillRunning = Errorf(Conflict, "A request with this Idempotency-Key is still running. Try again in a moment.")
	errOtherRequest = Errorf(FailedPrecondition, "This Idempotency-Key was already used with a different request. Use a new key.")
)

// Once handles a request once. It calls do in a transaction that also stores the response, so that a
// crash leaves both or neither. If the request is repeated within IdempotencyLife, Once returns the
// stored response. The response must not contain anything that may not be stored.
//
// Once returns Conflict if the first request is still running, and FailedPrecondition if the key was
// used with a different request. If do returns an error, nothing is stored, and the key can be used
// again.
func (s *Store) Once(ctx context.Context, r IdempotentRequest, do func(tx *Store) (IdempotentResponse, error)) (IdempotentResponse, error) {
	if _, running := s.running.LoadOrStore(r.id(), true); running {
		return IdempotentResponse{}, errStillRunning
	}
	defer s.running.Delete(r.id())
	var response IdempotentResponse
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.claimRequest(ctx, r); err != nil {
			return err
		}
		first, err := tx.storedResponse(ctx, r)
		if err != nil || first != nil {
			if first != nil {
				response = *first
			}
			return err
		}
		if response, err = do(tx); err != nil {
			return err
		}
		return tx.storeResponse(ctx, r, response)
	})
	return response, err
}

func (r IdempotentRequest) id() string { return r.APIKeyID + " " + r.Key }

// claimRequest returns Conflict if another node is handling the same request. On SQLite, writing
// transactions exclude each other anyway.
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

// storedResponse returns the stored response to r, or nil.
func (s *Store) storedResponse(ctx context.Context, r IdempotentRequest) (*IdempotentResponse, error) {
	var row idempotentResponse
	err := s.with(ctx).Where("api_key_id = ? AND key = ?", r.APIKeyID, r.Key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stored response: %w", err)
	}
	if !row.CreatedAt.Add(IdempotencyLife).After(s.now()) {
		if err := s.with(ctx).Delete(&row).Error; err != nil {
			return nil, fmt.Errorf("delete expired response: %w", err)
		}
		return nil, nil
	}
	if subtle.ConstantTimeCompare(row.Fingerprint, r.Fingerprint) == 0 {
		return nil, errOtherRequest
	}
	return &IdempotentResponse{Status: row.Status, Body: row.Body, Replayed: true}, nil
}

func (s *Store) storeResponse(ctx context.Context, r IdempotentRequest, response IdempotentResponse) error {
	row := idempotentResponse{
		APIKeyID: r.APIKeyID, Key: r.Key, Fingerprint: r.Fingerprint, Status: response.Status, Body: response.Body, CreatedAt: s.now(),
	}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("store response: %w", err)
	}
	return nil
}
