package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

func TestAllowlistInTheAPI(t *testing.T) {
	s := handlerstest.New(t)
	writer := s.Key(t, scope.APIKeysRead, scope.APIKeysWrite)
	var created struct{ Data struct{ ID string } }
	response := s.Call(t, writer, "POST", "/api_keys", `{"name":"CI","allowlist":{"mode":"report_only","addresses":["203.0.113.7","2001:DB8::/32"]}}`)
	response.Want(t, http.StatusCreated)
	response.JSON(t, &created)
	path := "/api_keys/" + created.Data.ID
	want := func(step, mode string, addresses ...any) {
		t.Helper()
		var got struct{ Data map[string]any }
		s.Call(t, writer, "GET", path, "").JSON(t, &got)
		if diff := cmp.Diff(map[string]any{"mode": mode, "addresses": append([]any{}, addresses...)}, got.Data["allowlist"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	want("created", "report_only", "203.0.113.7/32", "2001:db8::/32")
	for _, tt := range []struct{ body, field, says string }{
		{`{"allowlist":{"mode":"on"}}`, "allowlist.mode", "must be"},
		{`{"allowlist":{"addresses":["10.0.0.1","10.0.0.0/33","10.0.0.1/8"]}}`, "allowlist.addresses[2]", "Did you mean 10.0.0.0/8 or 10.0.0.1?"},
		{`{"allowlist":{"addresses":[]}}`, "allowlist.addresses", "must have at least one"},
		{`{"allowlist":{"mode":"none","addresses":["10.0.0.1"]}}`, "allowlist.mode", "because there are addresses"},
		{`{"allowlist":{"addresses":null}}`, "allowlist.addresses", "must be an array"},
	} {
		var got struct {
			Error struct{ Fields map[string]string }
		}
		rejected := s.Call(t, writer, "PATCH", path, tt.body)
		rejected.Want(t, http.StatusUnprocessableEntity, tt.says)
		if rejected.JSON(t, &got); got.Error.Fields[tt.field] == "" {
			t.Errorf("%s: fields = %v, want %s", tt.body, got.Error.Fields, tt.field)
		}
	}
	s.Want(t, http.StatusOK, writer, "PATCH", path, `{"allowlist":{"mode":"enforce"}}`)
	want("another mode", "enforce", "203.0.113.7/32", "2001:db8::/32")
	s.Want(t, http.StatusOK, writer, "PATCH", path, `{"allowlist":{"addresses":["10.0.0.0/8"]}}`)
	want("another list", "enforce", "10.0.0.0/8")
	s.Want(t, http.StatusOK, writer, "PATCH", path, `{"allowlist":null}`)
	want("removed", "inherit")
}
