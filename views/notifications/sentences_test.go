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

func TestSentenceNamesNewCallers(t *testing.T) {
	for _, tt := range []struct {
		networks string
		count    int
		want     string
	}{
		{"", 0, " was used from new IP addresses"},
		{"192.0.2.7", 1, " was used from a new IP address: 192.0.2.7"},
		{"192.0.2.7 2001:db8::/64", 2, " was used from 2 new IP addresses: 192.0.2.7, 2001:db8::/64"},
		{"192.0.2.7 192.0.2.8", 1202, " was used from 1,202 new IP addresses: 192.0.2.7, 192.0.2.8, and 1,200 more"},
	} {
		got := HappenedToKey(models.Notification{Kind: models.KeyNewCallerNotice, Networks: tt.networks, NetworkCount: tt.count})
		if got != tt.want {
			t.Errorf("sentence about %q = %q, want %q", tt.networks, got, tt.want)
		}
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
