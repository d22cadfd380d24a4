package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// BenchmarkRequests measures the most common requests to the API, without a connection and one at a
// time.
func BenchmarkRequests(b *testing.B) {
	for name, store := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			s := handlerstest.On(b, store(b))
			key := s.Key(b, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
			body := `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test","q@x.test"],"context":{"title":"Kickoff","duration_minutes":45}}`
			var created objectBody
			for range 1000 {
				s.Want(b, http.StatusAccepted, key, "POST", "/meeting_requests", body).JSON(b, &created)
			}
			for _, request := range []struct{ name, method, path, body string }{
				{"get", "GET", "/meeting_requests/" + fmt.Sprint(created.Data["id"]), ""},
				{"list", "GET", "/meeting_requests?limit=25", ""},
				{"create", "POST", "/meeting_requests", body},
			} {
				b.Run(request.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if response := direct(s, key, request.method, request.path, request.body); response.Status >= http.StatusBadRequest {
							b.Fatalf("status = %d\n%s", response.Status, response.Body)
						}
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
				})
			}
		})
	}
}
