package token_test

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models/token"
)

func TestNodeToken(t *testing.T) {
	secret := token.NewNodeToken()
	text := secret.Reveal()
	digest, err := token.ParseNodeToken(text)
	if err != nil {
		t.Fatal(err)
	}
	if digest != secret.Digest() {
		t.Error("ParseNodeToken and Digest differ")
	}
	if token.NewNodeToken().Reveal() == text {
		t.Error("two credentials are equal")
	}
	if strings.Contains(secret.String(), text[12:]) {
		t.Errorf("String = %q, which shows the credential", secret)
	}
	changed := []byte(text)
	changed[10] ^= 1
	for name, wrong := range map[string]string{
		"empty": "", "short": text[1:], "long": text + "0", "another prefix": "skm_" + text[4:], "a typing error": string(changed),
		"an API key": token.New(token.Live).Reveal(),
	} {
		if _, err := token.ParseNodeToken(wrong); err == nil {
			t.Errorf("%s: ParseNodeToken accepts it", name)
		}
	}
	if _, err := token.Parse(text); err == nil {
		t.Error("a credential is an API key")
	}
}
