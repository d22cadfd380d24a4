package keyauth_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// A service that verifies keys, from start to stop.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	database, err := models.Open("postgres://orders@db.example.com/skipup", models.Options{})
	if err != nil {
		log.Fatal(err)
	}
	gate, err := keyauth.Open(ctx, database)
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("GET /orders", gate.Require("orders.read")(http.HandlerFunc(listOrders)))
	server := &http.Server{Addr: ":8081", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Println(server.ListenAndServe()) }()

	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = server.Shutdown(ending) // finish open requests first
	_ = gate.Close(ending)      // then store their usage
	_ = database.Close()
}

func listOrders(w http.ResponseWriter, r *http.Request) {
	caller, _ := keyauth.CallerFrom(r.Context())
	_, _ = fmt.Fprintln(w, "orders of workspace", caller.WorkspaceID())
}

// Options set the name of the node, the log, and a limit for each key.
func ExampleOpen() {
	database, err := models.Open("sqlite:skipup.db", models.Options{})
	if err != nil {
		log.Fatal(err)
	}
	perKey := ratelimit.Policy{Name: "default", Quota: 600, Window: time.Minute}
	gate, err := keyauth.Open(context.Background(), database, func(o *keyauth.GateOptions) {
		o.Log = slog.Default()
		o.Node.Name = "orders-1"
		o.Limits.Keys = &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(perKey, time.Now), Policy: perKey}
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = gate.Close(context.Background()) }()
}

func ExampleGate_Require() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	database, key := newDatabase(folder)
	gate, err := keyauth.Open(context.Background(), database)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /seats", gate.Require("seats.read")(http.HandlerFunc(showScopes)))
	mux.Handle("POST /seats", gate.Require("seats.write")(http.HandlerFunc(showScopes)))

	for _, request := range []*http.Request{
		httptest.NewRequest("GET", "/seats", nil),
		withKey(httptest.NewRequest("GET", "/seats", nil), key),
		withKey(httptest.NewRequest("POST", "/seats", nil), key),
	} {
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, request)
		fmt.Print(response.Code, " ", response.Body)
	}
	fmt.Println(gate.Close(context.Background()), database.Close())
	// Output:
	// 401 {"error":{"type":"authentication_error","message":"Invalid or missing API key."}}
	// 200 [seats.read]
	// 403 {"error":{"type":"forbidden","message":"This API key does not have the required scope."}}
	// <nil> <nil>
}

func showScopes(w http.ResponseWriter, r *http.Request) {
	caller, _ := keyauth.CallerFrom(r.Context())
	_, _ = fmt.Fprintln(w, caller.Scopes())
}

func withKey(r *http.Request, key string) *http.Request {
	r.Header.Set("Authorization", "Bearer "+key)
	return r
}

// newDatabase creates a database in a folder, with a key that has the scope seats.read.
func newDatabase(folder string) (database *models.Store, key string) {
	ctx := context.Background()
	database, err := models.Open("sqlite:"+filepath.Join(folder, "skipup.db"), models.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := database.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	workspace, _, err := database.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, secret, err := database.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Shop", Scopes: scope.Of(scope.SeatsRead)})
	if err != nil {
		log.Fatal(err)
	}
	return database, secret.Reveal()
}
