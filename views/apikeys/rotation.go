package apikeys

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/ui"
)

// RotationPage shows a rotation and which callers have switched.
type RotationPage struct {
	models.Rotation
}

// FinishPage asks for confirmation before the old key of a rotation is deleted.
type FinishPage struct {
	Rotation    models.Rotation
	Descendants []models.APIKey // created by the old key, without the new one
	Entered     models.Confirmation
	ChangeTime  time.Duration // longest time until the deletion takes effect
	Errors      models.Fields
	Message     string // an error that concerns no single field
}

// CancelPage asks for confirmation before the new key of a rotation is deleted.
type CancelPage struct {
	Rotation   models.Rotation
	Entered    models.Confirmation
	ChangeTime time.Duration // longest time until the deletion takes effect
	Errors     models.Fields
	Message    string // an error that concerns no single field
}

// Version identifies the content of the page. It changes whenever the content does.
func (p RotationPage) Version() string {
	hash := fnv.New64a()
	_, _ = fmt.Fprint(hash, p.step(), p.quiet(), p.OldUse, p.NewUse) // writing to a hash never fails
	for _, key := range []*models.APIKey{&p.Old, &p.New} {
		_, _ = fmt.Fprint(hash, key.Name, key.Scopes, key.StatusAt(p.At), millis(key.LastUsedAt))
	}
	for _, c := range p.Callers {
		_, _ = fmt.Fprint(hash, c.Old.Address, c.Old.UserAgent, c.Old.Rejected, millis(c.Old.LastAcceptedAt))
		if c.New != nil {
			_, _ = fmt.Fprint(hash, c.New.Rejected, millis(c.New.LastAcceptedAt))
		}
	}
	for _, c := range p.Newcomers {
		_, _ = fmt.Fprint(hash, c.Address, c.UserAgent, c.Rejected, millis(c.LastAcceptedAt))
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

// quiet returns how long ago the old key was used.
func (p RotationPage) quiet() string {
	if p.Old.LastUsedAt == nil {
		return "The old key was never used."
	}
	quiet := p.At.Sub(*p.Old.LastUsedAt)
	if quiet < time.Minute {
		return "The old key was used moments ago."
	}
	return "No requests with the old key for " + ui.Lasting(quiet) + "."
}

// progress returns how many callers have switched.
func (p RotationPage) progress() string {
	switch len(p.Callers) {
	case 0:
		return "No callers in the last 30 days"
	case 1:
		return map[bool]string{true: "The only caller switched", false: "The only caller hasn’t switched yet"}[p.AllMoved()]
	}
	if p.AllMoved() {
		return fmt.Sprintf("All %d callers switched", len(p.Callers))
	}
	return fmt.Sprintf("%d of %d callers switched", p.Moved(), len(p.Callers))
}

// isOver reports whether one of the two keys is deleted.
func (p RotationPage) isOver() bool { return p.Old.DeletedAt != nil || p.New.DeletedAt != nil }

// stillUsing returns how many callers still send the old key although it has stopped working.
func (p RotationPage) stillUsing() int {
	callers := 0
	for _, c := range p.Callers {
		if stillUses(&c.Old) {
			callers++
		}
	}
	return callers
}

func stillUses(c *models.APIKeyCaller) bool {
	dead := c.LastRejection == usage.RejectedDeleted || c.LastRejection == usage.RejectedExpired
	return dead && c.LastRejectedAt != nil && (c.LastAcceptedAt == nil || c.LastRejectedAt.After(*c.LastAcceptedAt))
}

// step is the state of a rotation and the next thing to do.
type step struct {
	Icon, Tone  string // of a Note
	Title, Text string
}

func (s step) iconClass() string {
	switch s.Tone {
	case "success":
		return "border-transparent bg-[color-mix(in_oklch,var(--success-dot),transparent_82%)] text-success"
	case "warning":
		return "border-warning-border bg-warning-tint text-warning"
	}
	return "bg-muted text-muted-foreground"
}

func (p RotationPage) step() step {
	switch {
	case p.isOver():
		return p.lastStep()
	case p.Old.StatusAt(p.At) == models.KeyExpired:
		return step{Icon: "clock", Title: "The old key has expired", Text: "Requests with it return 401. Delete it to finish."}
	case !p.AllMoved():
		return p.movingStep()
	case p.Old.InUseAt(p.At):
		return step{Icon: "clock", Title: "Wait for daily jobs", Text: p.progress() +
			". Give it 24 hours without requests to cover jobs that run once a day (" + ui.Lasting(p.Old.LastUsedAt.Add(day).Sub(p.At)) + " left)."}
	case len(p.Callers) == 0:
		return step{Icon: "circle-check", Tone: "success", Title: "Delete the old key once the new one is deployed", Text: "It’s had no requests in 30 days."}
	}
	return step{Icon: "circle-check", Tone: "success", Title: "Delete the old key", Text: p.progress() + "."}
}

func (p RotationPage) movingStep() step {
	if p.Moved() == 0 {
		return step{Icon: "arrow-right", Title: "Update your integrations", Text: "Both keys work. Callers are marked as switched when they use the new key."}
	}
	return step{Icon: "arrow-right", Title: "Switch the remaining callers", Text: p.progress() + "."}
}

func (p RotationPage) lastStep() step {
	switch callers := p.stillUsing(); {
	case p.Old.DeletedAt == nil:
		return step{Icon: "info", Title: "Rotation canceled", Text: "The new key was deleted. The old key still works."}
	case p.New.DeletedAt != nil:
		return step{Icon: "info", Title: "Both keys are deleted", Text: "Requests with either key return 401."}
	case callers > 0:
		return step{Icon: "triangle-alert", Tone: "warning", Title: "Old key still in use",
			Text: "Rotation is complete, but " + ui.Plural(int64(callers), "caller") + " still " + send(callers) + " the deleted key and " + get(callers) + " 401."}
	}
	return step{Icon: "circle-check", Tone: "success", Title: "Rotation complete", Text: "The old key is deleted and no longer in use."}
}

// rejectedAtNew returns why a caller's requests with the new key were rejected.
func rejectedAtNew(c *models.APIKeyCaller) string {
	switch c.LastRejection {
	case usage.RejectedScope:
		return "Rejected: the new key lacks the scope for " + ui.Unbroken(c.LastRejectedRoute)
	case usage.RejectedRateLimit:
		return "Rejected: too many requests"
	case usage.RejectedAddress:
		return "Rejected: address not in the IP allowlist"
	}
	return "Rejected"
}

// removedScopes returns the scopes of the old key that the new one does not have.
func (p RotationPage) removedScopes() scope.Set { return p.Old.Scopes.Without(p.New.Scopes) }

// place describes the role of a key in its rotation history.
func place(history []models.APIKey, key *models.APIKey) string {
	for i := range history {
		one := &history[i]
		if key.ReplacesID == nil || one.ID != *key.ReplacesID {
			continue
		}
		if one.ReplacementID == nil || *one.ReplacementID != key.ID {
			return "Canceled"
		}
	}
	if key.DeletedAt != nil {
		return "Deleted"
	}
	return "Current"
}

// rotationUse returns the number of requests with all keys in the rotation history in the last 30 days.
func (p DetailPage) rotationUse() int64 {
	var sum int64
	for _, requests := range p.RotationUse {
		sum += requests
	}
	return sum
}

func send(callers int) string {
	if callers == 1 {
		return "sends"
	}
	return "send"
}

func get(callers int) string {
	if callers == 1 {
		return "gets"
	}
	return "get"
}
