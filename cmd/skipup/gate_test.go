package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/web"
)

func TestProfilesAreServedOnlyIfEnabled(t *testing.T) {
	for name, tt := range map[string]struct {
		address  optionalAddress
		profiles boolean
		status   int
		warned   bool
	}{
		"by default":             {"0.0.0.0:0", false, http.StatusNotFound, false},
		"on a private address":   {"127.0.0.1:0", true, http.StatusOK, false},
		"on all interfaces":      {"0.0.0.0:0", true, http.StatusOK, true},
		"on all interfaces, too": {":0", true, http.StatusOK, true},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			stop, err := serveMetrics(t.Context(), settings{MetricsAddr: tt.address, Profiles: tt.profiles}, web.NewMetrics(), slog.New(slog.NewJSONHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			address := metricsAddress.FindStringSubmatch(log.String())[1]
			response, err := http.Get("http://" + address + "/debug/pprof/goroutine?debug=1")
			stop()
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if got := response.StatusCode; got != tt.status {
				t.Errorf("status = %d, want %d", got, tt.status)
			}
			if got := strings.Contains(log.String(), profilesOption.name()); got != tt.warned {
				t.Errorf("warned = %t, want %t: %s", got, tt.warned, &log)
			}
		})
	}
}
