package wire

// APIKey is an API key, without the secret.
type APIKey struct {
	ID               string     `json:"id"`
	Name             string     `json:"name"`
	Description      *string    `json:"description"`
	Environment      *string    `json:"environment"`
	OwnerID          *string    `json:"owner_id"` // of a member
	NotifyNewCallers bool       `json:"notify_new_callers"`
	KeyPrefix        string     `json:"key_prefix"`
	Scopes           []string   `json:"scopes"`
	State            string     `json:"state"`
	ExpiresAt        *Timestamp `json:"expires_at"`
	RateLimit        *int       `json:"rate_limit"` // requests per minute; null for the limit of the server
	Allowlist        Allowlist  `json:"allowlist"`
	LastUsedAt       *Timestamp `json:"last_used_at"`
	PausedUntil      *Timestamp `json:"paused_until"` // null if the key isn't paused now, or until it is deleted
	DeleteAt         *Timestamp `json:"delete_at"`    // when the key will be deleted
	DeletedAt        *Timestamp `json:"deleted_at"`
	CreatedAt        Timestamp  `json:"created_at"`
}

// Allowlist limits the IP addresses from which a key can be used.
type Allowlist struct {
	Mode      string   `json:"mode"` // inherit, none, report_only, or enforce
	Addresses []string `json:"addresses"`
}

// RotatedAPIKey is the replacement of an API key.
type RotatedAPIKey struct {
	APIKey
	RotatedFrom string `json:"rotated_from"` // id of the replaced key
}
