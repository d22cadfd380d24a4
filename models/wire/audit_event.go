package wire

// AuditEvent is an event of the audit log.
type AuditEvent struct {
	ID         string            `json:"id"`
	CreatedAt  Timestamp         `json:"created_at"`
	ActorType  string            `json:"actor_type"` // member, api_key, operator, system, or anonymous
	ActorID    *string           `json:"actor_id"`   // of a member or key
	Actor      string            `json:"actor"`      // name at that time
	Action     string            `json:"action"`     // such as api_key.created
	TargetType string            `json:"target_type"`
	TargetID   string            `json:"target_id"`
	Target     string            `json:"target"` // name at that time
	Details    map[string]string `json:"details"`
	Address    *string           `json:"address"`
	UserAgent  *string           `json:"user_agent"`
	Seq        int64             `json:"seq"`  // position in the chain of the workspace, from 1
	Hash       string            `json:"hash"` // hexadecimal
}
