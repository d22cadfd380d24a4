package notifications

import (
	"slices"
	"testing"

	"github.com/skipup/keys/models"
)

func TestEveryEmailIsOffered(t *testing.T) {
	var offered []models.NotificationKind
	for _, email := range Emails {
		offered = append(offered, email.Kind)
		if email.Label == "" || email.Help == "" {
			t.Errorf("%s has label %q and help %q, want both", email.Kind, email.Label, email.Help)
		}
	}
	if !slices.Equal(offered, models.MutableEmails) {
		t.Errorf("emails = %v, want %v", offered, models.MutableEmails)
	}
}

func TestEveryKindHasASentence(t *testing.T) {
	for _, kind := range models.MutableEmails {
		if kind == models.KeyExpiringNotice { // not a notification
			continue
		}
		if got := Keys(kind, 1200); got == "1,200 API keys" {
			t.Errorf("%s: sentence = %q, want what happened", kind, got)
		}
	}
	for _, kind := range models.AccountNotices {
		if account(models.Notification{Kind: models.NotificationKind(kind)}) == "" {
			t.Errorf("%s has no sentence", kind)
		}
	}
}
