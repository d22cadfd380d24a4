package wire

// MeetingRequest is a meeting request.
type MeetingRequest struct {
	ID                  string     `json:"id"`
	OrganizerEmail      string     `json:"organizer_email"`
	ParticipantEmails   []string   `json:"participant_emails"`
	Status              string     `json:"status"`
	Title               *string    `json:"title"`
	Purpose             *string    `json:"purpose"`
	Description         *string    `json:"description"`
	IncludeIntroduction bool       `json:"include_introduction"`
	DurationMinutes     *int       `json:"duration_minutes"`
	Timeframe           *Timeframe `json:"timeframe"`
	CreatedAt           Timestamp  `json:"created_at"`
	UpdatedAt           Timestamp  `json:"updated_at"`
	BookedAt            *Timestamp `json:"booked_at"`
	CancelledAt         *Timestamp `json:"cancelled_at"`
	PausedAt            *Timestamp `json:"paused_at"`
}

// CancelledMeetingRequest is the data of a meeting_request.cancelled event.
type CancelledMeetingRequest struct {
	MeetingRequest
	Notify bool `json:"notify"` // whether the receiver should notify the participants
}

// Timeframe is the period in which a meeting can take place. A null start or end is open.
type Timeframe struct {
	Start *Timestamp `json:"start"`
	End   *Timestamp `json:"end"`
}
