package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/skipup/keys/models/token"
)

const (
	keyText = "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"
	keyHint = "sk_live_zQWB...."
)

// newSecret creates a key, and returns its text and the expected hint.
func newSecret() (secret token.Secret, text, hint string) {
	secret = token.New(token.Live)
	return secret, secret.Reveal(), secret.Reveal()[:12] + "...."
}

// leaks reports whether printed reveals more than the hint, in any common notation.
func leaks(printed, text string) bool {
	rest := text[12:]
	for _, form := range []string{
		rest, hex.EncodeToString([]byte(rest)), base64.StdEncoding.EncodeToString([]byte(text))[:40],
		strings.Trim(fmt.Sprint([]byte(rest)), "[]"), fmt.Sprintf("% x", rest),
	} {
		if strings.Contains(strings.ToLower(printed), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

func TestHintShowsOnlyThePrefix(t *testing.T) {
	secret, text, hint := newSecret()
	if got := secret.Hint(); got != hint || len(got) != len(keyHint) {
		t.Errorf("Hint of %s = %s, want %s", text, got, hint)
	}
	for secret, want := range map[token.Secret]string{
		token.NewWithPrefix("a2345678901234567890", token.Test): "a2345678901234567890_test_", token.NewWebhookSecret(): "whsec_",
	} {
		if got := secret.Hint(); !strings.HasPrefix(secret.Reveal(), strings.TrimSuffix(got, "....")) || !strings.HasPrefix(got, want) || len(got) > len(want)+10 {
			t.Errorf("Hint of %s = %s, want a few characters after %s", secret.Reveal(), got, want)
		}
	}
	if got := (token.Secret{}).Hint(); got != "...." {
		t.Errorf("Hint of the zero Secret = %q, want %q", got, "....")
	}
	if got := (token.Secret{}).Reveal(); got != "" {
		t.Errorf("Reveal of the zero Secret = %q, want none", got)
	}
}

func TestSecretPrintsItsHint(t *testing.T) {
	secret, text, hint := newSecret()
	for _, verb := range strings.Fields("%v %+v %#v %s %+s %q %+q %x %X %#x %d %c %t %b %o %U %e %p %w %100v %.50s %050d %-60v|") {
		for _, printed := range []string{fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret)} {
			// The verbs that fmt keeps to itself, pointers and wrapped errors, print an address.
			if leaks(printed, text) || verb != "%p" && verb != "%w" && !strings.Contains(printed, hint) {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
}

func TestSecretStaysHiddenInWhateverHoldsIt(t *testing.T) {
	type shown struct{ Key token.Secret }
	type hidden struct{ key token.Secret }
	type embedded struct{ token.Secret }
	type nested struct{ inner *hidden }
	secret, text, _ := newSecret()
	holders := map[string]any{
		"struct":            shown{secret},
		"pointer to struct": &shown{secret},
		"unexported field":  hidden{secret},
		"behind a pointer":  &hidden{secret},
		"two levels down":   nested{&hidden{secret}},
		"embedded":          embedded{secret},
		"slice":             []token.Secret{secret},
		"slice of hidden":   []hidden{{secret}},
		"map value":         map[string]token.Secret{"key": secret},
		"map key":           map[token.Secret]int{secret: 1},
		"map of hidden":     map[string]hidden{"key": {secret}},
		"any":               []any{secret, &secret, hidden{secret}},
		"error":             fmt.Errorf("create key %v: %w", secret, errors.New("rejected")),
	}
	for name, holder := range holders {
		t.Run(name, func(t *testing.T) {
			for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %c") {
				if printed := fmt.Sprintf(verb, holder); leaks(printed, text) {
					t.Errorf("%s prints %s", verb, printed)
				}
			}
			if encoded, err := json.Marshal(holder); err == nil && leaks(string(encoded), text) {
				t.Errorf("JSON = %s, want only the hint", encoded)
			}
			if encoded, err := xml.Marshal(holder); err == nil && leaks(string(encoded), text) {
				t.Errorf("XML = %s, want only the hint", encoded)
			}
			if got := logged(holder); leaks(got, text) {
				t.Errorf("log = %s, want only the hint", got)
			}
		})
	}
}

func TestSecretLogsAndEncodesItsHint(t *testing.T) {
	secret, text, hint := newSecret()
	if got := logged(secret); leaks(got, text) || strings.Count(got, hint) != 4 {
		t.Errorf("log = %s, want only the hint", got)
	}
	encoded, err := json.Marshal(map[string]any{"key": secret})
	if want := `{"key":"` + hint + `"}`; err != nil || string(encoded) != want {
		t.Errorf("JSON = %s, %v, want %s", encoded, err, want)
	}
	if got := errors.Join(fmt.Errorf("key %s", secret)).Error(); got != "key "+hint {
		t.Errorf("error = %q, want only the hint", got)
	}
}

// logged returns what both handlers of log/slog write for a value, alone and in a group.
func logged(value any) string {
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("created a key", "key", value, slog.Group("group", "key", value))
	}
	return out.String()
}

func TestLeaksDetectsLeaks(t *testing.T) {
	for _, verb := range strings.Fields("%v %q %x %X %#v") {
		if !leaks(fmt.Sprintf(verb, keyText), keyText) {
			t.Errorf("leaks(%s of the key) = false, want true", verb)
		}
	}
	if leaks(keyHint, keyText) {
		t.Error("leaks(hint) = true, want false")
	}
}

func TestDigestIsStoredAsBytes(t *testing.T) {
	secret, _, _ := newSecret()
	want := secret.Digest()
	stored, err := want.Value()
	if err != nil {
		t.Fatal(err)
	}
	var got token.Digest
	if err := got.Scan(stored); err != nil || got != want {
		t.Errorf("Scan = %x, %v, want %x", got, err, want)
	}
	for _, bad := range []any{nil, "text", []byte("too short"), bytes.Repeat([]byte{1}, 33), 7} {
		if err := got.Scan(bad); err == nil {
			t.Errorf("Scan(%v) = nil, want an error", bad)
		}
	}
}
