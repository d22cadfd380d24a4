package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
)

func TestNearest(t *testing.T) {
	known := []string{"cursor", "email", "limit", "period", "scopes", "status"}
	for name, want := range map[string]string{
		"emial": "email", "scope": "scopes", "perod": "period", "Status": "status", "status[]": "status", "LIMIT": "limit",
		"page": "", "nonsense": "", "": "", "e": "", "organizer_email_address_of_the_person_who_invites_the_other_people": "",
	} {
		if got := models.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestOneOf(t *testing.T) {
	for _, tt := range []struct {
		value string
		known []string
		want  string
	}{
		{"week", []string{"hour", "day"}, "must be hour or day"},
		{"canceled", []string{"active", "paused", "cancelled"}, `must be active, paused, or cancelled; did you mean "cancelled"?`},
		{"x", []string{"aa", "bb", "cc", "dd", "ee"}, "must be one of aa, bb, cc, dd, or ee"},
	} {
		if got := models.OneOf(tt.value, tt.known); got != tt.want {
			t.Errorf("OneOf(%q) = %q, want %q", tt.value, got, tt.want)
		}
	}
}
