package apikeys

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/ui"
)

// RotationPage is a key with its successor, and who has moved.
type RotationPage struct {
	models.Rotation
}

// EndPage asks before the old key of a rotation is deleted.
type EndPage struct {
	Rotation    models.Rotation
	ConfirmName string
	Reason      string
	Takes       time.Duration // at most, until the deletion is in force
	Errors      models.Fields
}

// CancelRotationPage asks before the new key of a rotation is deleted.
type CancelRotationPage struct {
	Rotation    models.Rotation
	ConfirmName string
	Takes       time.Duration // at most, until the deletion is in force
	Errors      models.Fields
}

// Version is a word for what the page shows: it is another one as soon as that changes.
func (p RotationPage) Version() string {
	hash := fnv.New64a()
	_, _ = fmt.Fprint(hash, p.step(), p.quiet(), p.OldUse, p.NewUse) // a hash takes everything
	for _, key := range []*models.APIKey{&p.Old, &p.New} {
		_, _ = fmt.Fprint(hash, key.Name, key.Scopes, key.StatusAt(p.At), millis(key.LastUsedAt))
	}
	for _, c := range p.Callers {
		_, _ = fmt.Fprint(hash, c.Old.Address, c.Old.UserAgent, c.Old.Refused, millis(c.Old.LastAcceptedAt))
		if c.New != nil {
			_, _ = fmt.Fprint(hash, c.New.Refused, millis(c.New.LastAcceptedAt))
		}
	}
	for _, c := range p.Newcomers {
		_, _ = fmt.Fprint(hash, c.Address, c.UserAgent, c.Refused, millis(c.LastAcceptedAt))
	}
	return strconv.FormatUint(hash.Sum64(), 36)
}

const day = 24 * time.Hour

func millis(at *time.Time) int64 {
	if at == nil {
		return 0
	}
	return at.UnixMilli()
}

// quiet says how long the old key has not been used.
func (p RotationPage) quiet() string {
	if p.Old.LastUsedAt == nil {
		return "The old key was never used."
	}
	quiet := p.At.Sub(*p.Old.LastUsedAt)
	if quiet < time.Minute {
		return "The old key was used just now."
	}
	return "The old key has been quiet for " + ui.Lasting(quiet) + "."
}

// progress says how many callers have moved.
func (p RotationPage) progress() string {
	switch len(p.Callers) {
	case 0:
		return "No callers in the last 30 days"
	case 1:
		return map[bool]string{true: "The one caller has moved", false: "The one caller has not moved yet"}[p.AllMoved()]
	}
	if p.AllMoved() {
		return fmt.Sprintf("All %d callers have moved", len(p.Callers))
	}
	return fmt.Sprintf("%d of %d callers have moved", p.Moved(), len(p.Callers))
}

// isOver reports whether one of both keys is deleted.
func (p RotationPage) isOver() bool { return p.Old.DeletedAt != nil || p.New.DeletedAt != nil }

// knocking is how many callers still send the old key although it is dead.
func (p RotationPage) knocking() int {
	knocking := 0
	for _, c := range p.Callers {
		if isKnocking(&c.Old) {
			knocking++
		}
	}
	return knocking
}

func isKnocking(c *models.APIKeyCaller) bool {
	dead := c.LastRefusal == models.RefusedDeleted || c.LastRefusal == models.RefusedExpired
	return dead && c.LastRefusedAt != nil && (c.LastAcceptedAt == nil || c.LastRefusedAt.After(*c.LastAcceptedAt))
}

// step is where a rotation stands, and what comes next.
type step struct {
	Icon, Tone  string // of a Note
	Title, Text string
}

func (p RotationPage) step() step {
	switch {
	case p.isOver():
		return p.lastStep()
	case p.Old.StatusAt(p.At) == models.KeyExpired:
		return step{Icon: "clock", Title: "The old key has expired", Text: "Nothing can use it any more. Delete it to finish."}
	case !p.AllMoved():
		return p.movingStep()
	case p.Old.InUseAt(p.At):
		return step{Icon: "clock", Title: "Wait until the old key is quiet", Text: p.progress() +
			". Give it a day without a request, so that what runs once a day has had its turn: " + ui.Lasting(p.Old.LastUsedAt.Add(day).Sub(p.At)) + " to go."}
	case len(p.Callers) == 0:
		return step{Icon: "circle-check", Tone: "success", Title: "Delete the old key when the new one is in place", Text: "Nothing has used the old key in the last 30 days, so nobody will miss it."}
	}
	return step{Icon: "circle-check", Tone: "success", Title: "Delete the old key", Text: p.progress() + "."}
}

func (p RotationPage) movingStep() step {
	if p.Moved() == 0 {
		return step{Icon: "arrow-right", Title: "Give the new key to what uses the old one", Text: "Both keys work. Each caller below is ticked as soon as it is seen with the new key."}
	}
	return step{Icon: "arrow-right", Title: "Move the callers that are left", Text: p.progress() + ". Those without a tick have not got through with the new key yet."}
}

func (p RotationPage) lastStep() step {
	switch knocking := p.knocking(); {
	case p.Old.DeletedAt == nil:
		return step{Icon: "info", Title: "The rotation was abandoned", Text: "The new key is deleted, the old one goes on."}
	case p.New.DeletedAt != nil:
		return step{Icon: "info", Title: "Both keys are deleted", Text: "Every request with either of them is answered with 401."}
	case knocking > 0:
		return step{Icon: "triangle-alert", Tone: "warning", Title: "Something still sends the old key",
			Text: "The rotation is complete and the old key is deleted, but " + ui.Plural(int64(knocking), "caller") + " asked with it since. Every such request is answered with 401."}
	}
	return step{Icon: "circle-check", Tone: "success", Title: "The rotation is complete", Text: "The old key is deleted, and nothing has asked for it since."}
}

// refusedAtNew says why the new key has not accepted a caller that tried it.
func refusedAtNew(c *models.APIKeyCaller) string {
	switch c.LastRefusal {
	case models.RefusedScope:
		return "Refused: the new key lacks the scope for " + c.LastRefusedRoute
	case models.RefusedRateLimit:
		return "Refused: too many requests"
	}
	return "Refused"
}

// scopesLess are the scopes that the new key does not have.
func (p RotationPage) scopesLess() scope.Set { return p.Old.Scopes.Without(p.New.Scopes) }

// place is what a key that is not rotating is in a line of keys.
func place(line []models.APIKey, key *models.APIKey) string {
	for i := range line {
		one := &line[i]
		if key.ReplacesID == nil || one.ID != *key.ReplacesID {
			continue
		}
		if one.ReplacementID == nil || *one.ReplacementID != key.ID {
			return "Abandoned"
		}
	}
	if key.DeletedAt != nil {
		return "Deleted"
	}
	return "Current"
}

// lineageUse is how many requests came with all keys of the line in the last 30 days.
func (p DetailPage) lineageUse() int64 {
	var sum int64
	for _, requests := range p.LineageUse {
		sum += requests
	}
	return sum
}
