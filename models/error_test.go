package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
)

func TestFieldsSentence(t *testing.T) {
	fields := models.Fields{"expires_at": "must be in the future"}
	if got, want := fields.Sentence("expires_at", "Expiry"), "Expiry must be in the future."; got != want {
		t.Errorf("Sentence = %q, want %q", got, want)
	}
	if got := fields.Sentence("name", "Name"); got != "" {
		t.Errorf("Sentence of a field without a message = %q, want none", got)
	}
}
