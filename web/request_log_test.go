package web_test

import (
	"bytes"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web"
)

func TestRequestsAreSampled(t *testing.T) {
	var log bytes.Buffer
	requests := func(sample, n int, path string) string {
		log.Reset()
		server := newServer(t, web.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), LogSample: sample})
		server.Pages.Add(http.MethodGet, "/slow", func(c echo.Context) error {
			time.Sleep(time.Second)
			return c.NoContent(http.StatusOK)
		})
		server.Pages.Add(http.MethodGet, "/fast", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
		synctest.Test(t, func(*testing.T) {
			for range n {
				serve(server, path)
			}
		})
		return log.String()
	}
	modelstest.Equal(t, "lines without sampling", strings.Count(requests(1, 5, "/fast"), "msg=request"), 5)
	modelstest.Equal(t, "sampled lines", requests(math.MaxInt, 100, "/fast"), "")
	modelstest.Equal(t, "lines of slow requests", strings.Count(requests(math.MaxInt, 5, "/slow"), "msg=request"), 5)
	failed := requests(math.MaxInt, 5, "/nothing")
	modelstest.Equal(t, "lines of failed requests", strings.Count(failed, "msg=request"), 5)
	modelstest.Equal(t, "failed requests that are marked as sampled", strings.Count(failed, "sampled="), 0)
	half := requests(2, 200, "/fast")
	if got := strings.Count(half, "msg=request"); got < 40 || got > 160 { // 8 standard deviations
		t.Errorf("lines of 200 requests = %d, want about half", got)
	}
	modelstest.Equal(t, "lines that aren't marked as sampled", strings.Count(half, "msg=request"), strings.Count(half, "sampled=2"))
}
