package keyauth_test

import (
	"net/http"
	"testing"
)

// BenchmarkRequire measures a small handler alone and behind Require, without a connection, with 10,000
// keys in rotation. cmd/bench measures the same with the network.
func BenchmarkRequire(b *testing.B) {
	s := newService(b)
	row, key := s.key(b, "orders.read")
	requests := make([]*http.Request, 10_000)
	for i := range requests {
		requests[i] = s.request(b, http.MethodGet, "/orders/1234", key)
		requests[i].RemoteAddr, requests[i].Pattern = "127.0.0.1:1234", "GET /orders/{id}"
		key = s.gate.Verifier().Plant(b, row)
	}
	handled := 0
	small := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handled++; ok(w, r) })
	for _, bench := range []struct {
		name    string
		handler http.Handler
	}{{"bare", small}, {"require", s.gate.Require("orders.read")(small)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			w := &discard{header: http.Header{}}
			sent := 0
			for handled = 0; b.Loop(); sent++ {
				bench.handler.ServeHTTP(w, requests[sent%len(requests)])
			}
			if handled != sent {
				b.Fatalf("handled %d of %d requests", handled, sent)
			}
		})
	}
}
