package dashboard_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
)

// BenchmarkListOf10000Keys is one request for the first page of the list, and for a search.
func BenchmarkListOf10000Keys(b *testing.B) {
	s := handlerstest.New(b)
	for i := range 10_000 {
		s.NamedKey(b, s.Workspace.ID, fmt.Sprintf("Robot %05d", i))
	}
	browser := s.SignedIn(b, handlerstest.AdminEmail)
	for name, path := range map[string]string{"first": listPath, "search": listPath + "?q=robot+042"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if page := browser.Get(path); page.Status != http.StatusOK {
					b.Fatal(page.Status)
				}
			}
		})
	}
}
