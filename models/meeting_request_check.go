package models

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // embeds the zones, so that they are the same on every machine
)

const (
	maxParticipants = 50
	maxTitle        = 200  // characters
	maxPurpose      = 1000 // characters
	maxDescription  = 5000 // characters
	minDuration     = 5    // minutes
	maxDuration     = 24 * 60
)

// check checks all values and normalizes them: all people are in Participants, emails in lower case,
// times in UTC and whole seconds.
func (n *NewMeetingRequest) check(now time.Time) error {
	if n.ParticipantEmails != nil && n.Participants != nil {
		return errBothLists
	}
	fields := Fields{}
	n.OrganizerEmail = checkEmail(fields, "organizer_email", n.OrganizerEmail)
	checkOrganizer(fields, n.OrganizerName, n.OrganizerTimezone)
	n.checkParticipants(fields)
	n.Context.check(fields, now)
	return fields.err()
}

var errBothLists = Errorf(FailedPrecondition, "Specify either participant_emails or participants, not both.")

func checkOrganizer(fields Fields, name, timezone *string) {
	if name != nil {
		checkLine(fields, "organizer_name", *name, MaxName)
	}
	if timezone != nil {
		checkTimezone(fields, "organizer_timezone", *timezone)
	}
}

func (n *NewMeetingRequest) checkParticipants(fields Fields) {
	list, emailField := "participants", "participants[%d].email"
	people := slices.Clone(n.Participants)
	if n.ParticipantEmails != nil {
		list, emailField = "participant_emails", "participant_emails[%d]"
		for _, email := range n.ParticipantEmails {
			people = append(people, NewParticipant{Email: email})
		}
	}
	switch {
	case n.ParticipantEmails == nil && n.Participants == nil:
		fields.add("participant_emails", "or participants is required, with 1 to %d people", maxParticipants)
		return
	case len(people) == 0 || len(people) > maxParticipants:
		fields.add(list, "must have 1 to %d people (you have %d)", maxParticipants, len(people))
		return
	}
	first := make(map[string]string, len(people)) // from email to the first field with it
	for i := range people {
		p, field := &people[i], fmt.Sprintf(emailField, i)
		p.Email = checkEmail(fields, field, p.Email)
		if earlier, repeated := first[p.Email]; repeated {
			fields.add(field, "must not be the same email as %s", earlier)
		} else {
			first[p.Email] = field
		}
		if p.Name != nil {
			checkLine(fields, fmt.Sprintf("participants[%d].name", i), *p.Name, MaxName)
		}
		if p.Timezone != nil {
			checkTimezone(fields, fmt.Sprintf("participants[%d].timezone", i), *p.Timezone)
		}
	}
	n.Participants = people
}

func (c *MeetingContext) check(fields Fields, now time.Time) {
	c.checkTexts(fields)
	c.Timeframe.check(fields, now)
}

func (c *MeetingContext) checkTexts(fields Fields) {
	if c.Title != nil {
		checkLine(fields, "context.title", *c.Title, maxTitle)
	}
	if c.Purpose != nil {
		checkText(fields, "context.purpose", *c.Purpose, maxPurpose)
	}
	if c.Description != nil {
		checkText(fields, "context.description", *c.Description, maxDescription)
	}
	if d := c.DurationMinutes; d != nil && (*d < minDuration || *d > maxDuration) {
		fields.add("context.duration_minutes", "must be a whole number from %d to %d", minDuration, maxDuration)
	}
}

// check checks the bounds. The start may be in the past, but not the end.
func (t *Timeframe) check(fields Fields, now time.Time) {
	t.Start = checkSecond(fields, "context.timeframe.start", t.Start)
	t.End = checkSecond(fields, "context.timeframe.end", t.End)
	switch {
	case t.End == nil:
	case !t.End.After(now):
		fields.add("context.timeframe.end", "must be in the future")
	case t.Start != nil && !t.End.After(*t.Start):
		fields.add("context.timeframe.end", "must be after context.timeframe.start")
	}
}

// checkSecond returns a time in UTC and whole seconds. The year must be one that RFC 3339 can
// represent.
func checkSecond(fields Fields, name string, value *time.Time) *time.Time {
	if value == nil {
		return nil
	}
	second := value.UTC().Truncate(time.Second)
	if second.Year() < 1 || second.Year() > 9999 {
		fields.add(name, "must be between the years 1 and 9999")
	}
	return &second
}

// checkTimezone checks that value is the name of an IANA time zone. It rejects the other names that
// time.LoadLocation accepts on some machines.
func checkTimezone(fields Fields, name, value string) {
	_, err := time.LoadLocation(value)
	switch {
	case err != nil, path.Clean(value) != value,
		slices.Contains([]string{"Local", "localtime", "posixrules", "Factory"}, value),
		strings.HasPrefix(value, "posix/"), strings.HasPrefix(value, "right/"):
		fields.add(name, "must be an IANA time zone, such as Europe/Rome")
	}
}
