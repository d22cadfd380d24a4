package models

import "time"

// idempotentAnswer is the first answer to a request that may be sent again.
type idempotentAnswer struct {
	APIKeyID    string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey"`
	Fingerprint []byte
	Status      int
	Body        []byte
	CreatedAt   time.Time
}
