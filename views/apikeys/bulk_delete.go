package apikeys

import (
	"net/url"
	"slices"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// BulkDeleteForm names the keys to delete together.
type BulkDeleteForm struct {
	Keys          []string `form:"key"` // ids
	ConfirmNumber string   `form:"confirm_number"`

	Errors models.Fields `form:"-"`
}

// BulkDeletePage asks for confirmation before keys are deleted together.
type BulkDeletePage struct {
	Keys       []models.APIKey
	Gone       int // selected keys that no longer exist
	Form       BulkDeleteForm
	InUse      int // number of keys in use
	Challenge  models.Challenge
	Traffic    models.Traffic
	ChangeTime time.Duration // longest time until the deletion takes effect
	Stopped    string        // why an attempt deleted nothing
	// Rotations are those whose old keys are selected and in use. They are not deleted here.
	Rotations []*models.Rotation
}

// reviewURL returns the URL of the findings above the list.
func reviewURL(in path.Workspace, q ui.ListQuery) string {
	return ui.NewListQuery(in.APIKeyReview()).With(ByReview, q.Get(ByReview)).URL()
}

// bulkDeleteURL returns the URL for deleting all keys that q finds.
func bulkDeleteURL(in path.Workspace, q ui.ListQuery) string {
	return q.With().At(in.APIKeyBulkDelete()).URL()
}

// ReceiptsOf returns the URL of the receipts of keys.
func ReceiptsOf(in path.Workspace, keys []models.APIKey) string {
	return in.APIKeyReceipts() + "?" + url.Values{"key": models.APIKeyIDs(keys)}.Encode()
}

func allOf(n int64) string {
	if n == 1 {
		return "it"
	}
	return "all " + ui.Count(n)
}

func keysIn(n int) string { return ui.Plural(int64(n), "key") }

func (p BulkDeletePage) verb() string { return "Delete " + keysIn(len(p.Keys)) }

func (p BulkDeletePage) title() string {
	if len(p.Keys) == 0 {
		return "Nothing to delete"
	}
	return p.verb() + "?"
}

func (p BulkDeletePage) panel(in path.Workspace) ui.Panel {
	panel := ui.Panel{
		Title: p.title(), Lead: "All keys are deleted together. If one fails, none are deleted.", Wide: true,
		Up: in.APIKeys(), UpLabel: "API keys", Action: in.APIKeyBulkDelete(), Cancel: in.APIKeys(), CancelFirst: p.Challenge.IsNone(),
	}
	if len(p.Keys) > 0 {
		panel.Submit, panel.Busy, panel.Variant, panel.Longest = p.verb(), "Deleting…", "destructive", p.ChangeTime
	}
	return panel
}

// canSelect reports whether the list has a key that can be deleted.
func (p ListPage) canSelect() bool {
	return slices.ContainsFunc(p.List.Keys, func(k models.APIKey) bool { return k.DeletedAt == nil })
}
