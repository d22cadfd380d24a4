package wire

// Member is a person in a workspace.
type Member struct {
	ID            string     `json:"id"`
	Email         string     `json:"email"`
	Name          *string    `json:"name"`
	Role          string     `json:"role"`
	DeactivatedAt *Timestamp `json:"deactivated_at"`
	CreatedAt     Timestamp  `json:"created_at"`
}

// Seat is a seat that a member holds.
type Seat struct {
	ID          string    `json:"id"`
	MemberID    string    `json:"member_id"`
	MemberEmail string    `json:"member_email"`
	AssignedAt  Timestamp `json:"assigned_at"`
}
