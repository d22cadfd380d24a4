package wire

import "github.com/skipup/keys/models/scope"

// APIKey is a key, without its text.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	KeyPrefix  string     `json:"key_prefix"`
	Scopes     scope.Set  `json:"scopes"`
	ExpiresAt  *Timestamp `json:"expires_at"`
	LastUsedAt *Timestamp `json:"last_used_at"`
	CreatedAt  Timestamp  `json:"created_at"`
}

// RotatedAPIKey is the successor of a key, with what it was made from.
type RotatedAPIKey struct {
	APIKey
	RotatedFrom string `json:"rotated_from"` // the id of the old key
}
