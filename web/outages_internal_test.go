package web

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestAnOutageIsLoggedTwice checks that an outage of ten minutes, in which polls succeed now and then, is
// logged when it begins and when it has ended.
func TestAnOutageIsLoggedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		conditions := NewConditions(nil, slog.New(slog.NewTextHandler(&log, nil)))
		o := outages{conditions: conditions}
		o.databaseResponded()
		for range 600 {
			o.requestFailed(fmt.Errorf("read keys: %w", &pgconn.PgError{Code: "57P03"}))
			time.Sleep(time.Second)
			o.databaseResponded()
		}
		if got := conditions.Sentences(); len(got) != 1 || !strings.Contains(got[0], "starting or stopping") {
			t.Errorf("problems during the outage = %q, want one with the cause", got)
		}
		time.Sleep(calm)
		for range 2 {
			o.databaseResponded()
		}
		if got := conditions.Sentences(); len(got) != 0 {
			t.Errorf("problems after the outage = %q, want none", got)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[1], "lasted=9m59s failed_requests=600") {
			t.Errorf("log = %s, want a line for the beginning and one for the end", &log)
		}
	})
}
