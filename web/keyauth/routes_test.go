package keyauth_test

import (
	"fmt"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
)

func TestWorkspaceIntroducesAtMost500Routes(t *testing.T) {
	recorder := keyauth.NewRecorder(modelstest.NewSQLite(t).Store, nil, nil)
	var key keyauth.Key
	first, other := key.InWorkspace(1), key.InWorkspace(2)
	route := func(key keyauth.Key, n int) keyauth.Route {
		return recorder.RouteOf(key, []byte(fmt.Sprint("GET /", n)), "seats.read")
	}
	seen := map[keyauth.Route]bool{}
	for n := range 500 {
		seen[route(first, n)] = true
	}
	if len(seen) != 500 {
		t.Errorf("routes = %d, want 500", len(seen))
	}
	rest := route(first, 500)
	if seen[rest] {
		t.Error("the 501st route has the number of another route")
	}
	if again := route(first, 501); again != rest {
		t.Errorf("number = %d, want %d like all further routes", again, rest)
	}
	if name := recorder.NameOf(rest); name != (usage.Route{Name: usage.OtherRoutes, Scope: "seats.read"}) {
		t.Errorf("route = %+v, want other routes with the same scope", name)
	}
	if again := route(other, 7); !seen[again] {
		t.Error("a known route has another number in another workspace")
	}
	if number := route(other, 500); seen[number] || number == rest {
		t.Error("another workspace can't introduce a route")
	}
}
