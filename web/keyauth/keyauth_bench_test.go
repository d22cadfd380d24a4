package keyauth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
)

// BenchmarkVerify measures the verification of valid keys in rotation, of an unknown key, and of a key
// with a wrong checksum.
func BenchmarkVerify(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET node_lease_ms = 3600000, node_wait_ms = 1") // one poll is enough
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	row, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	verifier := keyauth.New(s.Store, keyauth.Options{})
	if err := verifier.Poll(context.Background()); err != nil {
		b.Fatal(err)
	}
	headers := []string{"Bearer " + secret.Reveal()}
	if _, err := verifier.Verify(context.Background(), headers); err != nil {
		b.Fatal(err)
	}
	for _, keys := range []int{1, 10_000, 1_000_000} {
		for len(headers) < keys {
			headers = append(headers, "Bearer "+verifier.Plant(b, row))
		}
		b.Run(fmt.Sprintf("hit/keys=%d", keys), func(b *testing.B) {
			verifyAll(b, verifier, headers, true)
			if keys >= 10_000 { // fewer keys don't fill a block
				b.ReportMetric(verifier.BytesPerKey(), "B/key")
			}
		})
	}
	b.Run("unknown", func(b *testing.B) {
		verifyAll(b, verifier, []string{"Bearer " + token.New(token.Live).Reveal()}, false)
	})
	b.Run("miss-checksum", func(b *testing.B) {
		verifyAll(b, verifier, []string{"Bearer sk_live_" + strings.Repeat("A", 36)}, false)
	})
}

// verifyAll verifies the headers in rotation, on as many threads as -cpu sets.
func verifyAll(b *testing.B, verifier *keyauth.Verifier, headers []string, good bool) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if i == len(headers) {
				i = 0
			}
			if _, err := verifier.Verify(context.Background(), headers[i:i+1]); (err == nil) != good {
				b.Fatal(err)
			}
		}
	})
}
