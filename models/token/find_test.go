package token_test

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models/token"
)

func TestRedactAndOccurs(t *testing.T) {
	live, test := token.New(token.Live), token.New(token.Test)
	lookalike := "sk_live_" + strings.Repeat("A", 36)
	tests := []struct {
		name, text, redacted string
		occurs               bool
	}{
		{"nothing", "curl/8.5.0", "curl/8.5.0", false},
		{"a look-alike without the checksum", lookalike, lookalike, false},
		{"a key alone", live.Reveal(), live.Hint(), true},
		{"keys in a text", "a=" + live.Reveal() + ";b=" + test.Reveal() + "!", "a=" + live.Hint() + ";b=" + test.Hint() + "!", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := token.Redact(tt.text); got != tt.redacted {
				t.Errorf("redacted %q, want %q", got, tt.redacted)
			}
			if got := token.Occurs(tt.text); got != tt.occurs {
				t.Errorf("occurs %t, want %t", got, tt.occurs)
			}
		})
	}
}
