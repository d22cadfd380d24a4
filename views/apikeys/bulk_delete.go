package apikeys

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// BulkDeleteForm names the keys that are to be deleted at once.
type BulkDeleteForm struct {
	Keys          []string `form:"key" query:"key"` // their ids
	ConfirmNumber string   `form:"confirm_number"`

	Errors models.Fields `form:"-"`
}

// BulkDeletePage asks before keys are deleted at once.
type BulkDeletePage struct {
	Keys    []models.APIKey
	Left    int // chosen keys that are not there any more
	Form    BulkDeleteForm
	InUse   int // keys that are in use; if there are any, the number of keys is asked for
	Traffic models.Traffic
	Takes   time.Duration // at most, until the deletion is in force
	Stopped string        // why nothing was deleted, if somebody has tried
	// Rotations are those whose old keys are chosen but in use: they are not deleted here.
	Rotations []*models.Rotation
}

// reviewAddress is where the findings over the list come from.
func (q Query) reviewAddress() string {
	if q.Review == "" {
		return path.APIKeyReview
	}
	return path.APIKeyReview + "?" + url.Values{"review": {q.Review}}.Encode()
}

// deletionsOf asks before the keys that q finds are deleted.
func deletionsOf(q Query) string {
	q.Page = 0
	return strings.Replace(q.Address(), path.APIKeys, path.APIKeyBulkDelete, 1)
}

// ReceiptsOf is the page with the receipts of keys.
func ReceiptsOf(keys []models.APIKey) string {
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	return path.APIKeyReceipts + "?" + url.Values{"key": ids}.Encode()
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
		return "Nothing to delete here"
	}
	return p.verb() + "?"
}

// canChoose reports whether there is a key in the list that can be deleted.
func (p ListPage) canChoose() bool {
	return slices.ContainsFunc(p.List.Keys, func(k models.APIKey) bool { return k.DeletedAt == nil })
}
