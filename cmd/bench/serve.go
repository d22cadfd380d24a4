package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/clientip"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// flushPath is the route that makes the server store its usage counts. It keeps its name so that
// -against works with earlier builds.
const flushPath = "/settle"

// keysFile is the file in which the server passes its keys to the load generator.
const keysFile = "keys"

// serve serves all variants on a free port, on core 0, with count keys in memory.
func serve(ctx context.Context, dir string, count int) error {
	if err := pinToCore(0); err != nil {
		return err
	}
	store, err := models.Open("sqlite:"+filepath.Join(dir, "bench.db"), models.Options{MaxAPIKeys: -1, KeyCreations: -1})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	keys, err := fill(ctx, store, dir, count)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, keysFile), []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		return err
	}
	handler, gates, err := variants(store, dir)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, gate := range gates {
		work.Go(func() { gate.Run(running) })
	}
	defer func() { stop(); work.Wait() }()
	if err := warm(handler, gates, keys); err != nil {
		return err
	}
	for _, gate := range gates { // so that the warm-up is not part of what is measured
		gate.Flush(ctx)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler}
	go func() { <-ctx.Done(); _ = server.Close() }()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// variants returns a server of one small handler behind each kind of authentication, and its gates.
func variants(store *models.Store, dir string) (http.Handler, []*web.KeyGate, error) {
	log := slog.New(slog.NewJSONHandler(discard{}, nil))
	many := ratelimit.Policy{Name: "default", Quota: 1_000_000_000, Window: time.Minute}
	options := web.GateOptions{Log: log, CacheSize: 2 * 128_000_000}
	gate := web.NewKeyGate(store, options)
	options.Limits.Keys = &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(many, time.Now), Policy: many}
	whole := web.NewKeyGate(store, options)
	product := handlers.New(store, whole, web.Options{PublicURL: "http://bench", Log: log})

	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientip.OfConnection
	small := func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }
	e.GET("/open", small)
	e.GET("/gate", gate.Guard(small)) // wrapped once, like the alternatives below
	e.GET("/keyauth", keyAuth(store, func(*models.APIKey) error { return nil })(small))
	for path, synchronous := range map[string]string{"/keyauth-update": "normal", "/keyauth-update-full": "full"} {
		db, err := openGORM(dir, synchronous)
		if err != nil {
			return nil, nil, err
		}
		e.GET(path, keyAuth(store, func(key *models.APIKey) error {
			return db.Model(key).UpdateColumn("last_used_at", time.Now()).Error
		})(small))
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	services := http.NewServeMux()
	services.Handle("GET /bare", bare)
	services.Handle("GET /require", gate.Require("meeting_requests.read")(bare))
	e.Any("/healthz", echo.WrapHandler(product))
	e.Any(web.VerifyPath, echo.WrapHandler(product))
	e.Any("/api/*", echo.WrapHandler(product))
	gates := []*web.KeyGate{gate, whole}
	e.POST(flushPath, func(c echo.Context) error {
		for _, gate := range gates {
			gate.Flush(c.Request().Context())
		}
		return c.NoContent(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bare" || r.URL.Path == "/require" {
			services.ServeHTTP(w, r)
			return
		}
		e.ServeHTTP(w, r)
	}), gates, nil
}

// keyAuth returns a common alternative: Echo's middleware, reading the key from the database for
// each request.
func keyAuth(store *models.Store, then func(*models.APIKey) error) echo.MiddlewareFunc {
	return middleware.KeyAuth(func(text string, c echo.Context) (bool, error) {
		digest, err := token.Parse(text)
		if err != nil {
			return false, nil
		}
		key, err := store.APIKeyByDigest(c.Request().Context(), digest)
		if err != nil || !key.AcceptedAt(time.Now()) {
			return false, err
		}
		c.Set("key", key)
		return true, then(key)
	})
}

// openGORM opens a second pool for the alternatives. With synchronous=normal, a commit may be lost
// in a power failure; full is the default of SQLite and of the Store.
func openGORM(dir, synchronous string) (*gorm.DB, error) {
	settings := url.Values{
		"_pragma": {"busy_timeout(5000)", "synchronous(" + synchronous + ")"}, "_txlock": {"immediate"},
		"_timefmt": {string(sqlite3.TimeFormat4)}, // the format of the Store
	}
	pool, err := driver.Open("file:" + filepath.Join(dir, "bench.db") + "?" + settings.Encode())
	if err != nil {
		return nil, err
	}
	return gorm.Open(gormlite.OpenDB(pool), &gorm.Config{Logger: logger.Discard})
}

// fill creates a workspace and count keys: the first through the Store, the others as copies of its
// row.
func fill(ctx context.Context, store *models.Store, dir string, count int) ([]string, error) {
	if _, err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	workspace, _, err := store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Bench", AdminEmail: "bench@example.com", AdminName: "Bench", Password: "a long enough passphrase",
	})
	if err != nil {
		return nil, err
	}
	first, secret, err := store.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Bench", Scopes: scope.All})
	if err != nil {
		return nil, err
	}
	db, err := openGORM(dir, "normal")
	if err != nil {
		return nil, err
	}
	keys := []string{secret.Reveal()}
	for len(keys) < count {
		rows := make([]models.APIKey, 0, 500)
		for len(rows) < cap(rows) && len(keys) < count {
			secret := token.New(token.Live)
			row := *first
			row.ID, row.Digest = newID(len(keys)), secret.Digest()
			rows, keys = append(rows, row), append(keys, secret.Reveal())
		}
		if err := db.Create(&rows).Error; err != nil {
			return nil, err
		}
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	return keys, pool.Close()
}

// newID returns the ID of the nth key.
func newID(n int) string { return fmt.Sprintf("key_01KKNTQ1T8%016d", n) }

// warm uses every key once with each gate, so that it is in memory.
func warm(handler http.Handler, gates []*web.KeyGate, keys []string) error {
	for _, gate := range gates {
		for !gate.Ready() {
			time.Sleep(time.Millisecond)
		}
	}
	for path, want := range map[string]int{"/gate": http.StatusOK, "/api/v1/nothing": http.StatusNotFound} {
		for _, key := range keys {
			request, err := http.NewRequest(http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			request.Header.Set("Authorization", "Bearer "+key)
			response := &status{}
			if handler.ServeHTTP(response, request); response.code != want {
				return fmt.Errorf("warm up %s: status = %d, want %d", path, response.code, want)
			}
		}
	}
	runtime.GC()
	return nil
}

// status is a ResponseWriter that keeps only the status.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}
func (s *status) Write(p []byte) (int, error) { return len(p), nil }
func (s *status) WriteHeader(code int)        { s.code = code }

// discard drops the log. Unlike io.Discard, slog does not recognize it, so lines are still formatted.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
