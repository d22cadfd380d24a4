package keyauth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
)

// BenchmarkVerify is one verification: of a good key, of one nobody has, and of a text that
// its checksum gives away.
func BenchmarkVerify(b *testing.B) {
	s := modelstest.NewSQLite(b)
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	verifier := keyauth.New(s.Store)
	for name, text := range map[string]string{
		"hit":           secret.Reveal(),
		"unknown":       token.New(token.Live).Reveal(),
		"miss-checksum": "sk_live_" + strings.Repeat("A", 36),
	} {
		header := []string{"Bearer " + text}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = verifier.Verify(context.Background(), header)
			}
		})
	}
}
