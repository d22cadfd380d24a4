package keyauth

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// A node that asks a server must judge keys by all that a server judges them by.
func TestNodesGetEverythingThatVerificationNeeds(t *testing.T) {
	at := time.Date(2035, 4, 1, 9, 0, 0, 0, time.UTC)
	row := &models.APIKey{
		ID: "key_01KKNTQ1T8RW3B9JH6V4PSND8E", WorkspaceID: "ws_01KKNTQ1T8RW3B9JH6V4PSND8F", Scopes: scope.All, RateLimit: 60,
		ExpiresAt: &at, PausedUntil: &at, DeletedAt: &at, ChangedEpoch: 7,
		WorkspaceAllowlist: models.Allowlist{Mode: models.AllowlistEnforce, Networks: "10.0.0.0/8 2001:db8::/32"},
	}
	want, err := newKey(row)
	if err != nil {
		t.Fatal(err)
	}
	for i, fields := 0, reflect.ValueOf(want); i < fields.NumField(); i++ {
		if fields.Field(i).IsZero() {
			t.Errorf("this test doesn't set %s", fields.Type().Field(i).Name)
		}
	}
	text, err := json.Marshal(wire.KeyOf(row))
	if err != nil {
		t.Fatal(err)
	}
	var sent wire.Key
	if err := json.Unmarshal(text, &sent); err != nil {
		t.Fatal(err)
	}
	received, err := sent.APIKey()
	if err != nil {
		t.Fatal(err)
	}
	got, err := newKey(received)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("key on a node = %+v, want %+v", got, want)
	}
	if received.ChangedEpoch != row.ChangedEpoch {
		t.Errorf("epoch on a node = %d, want %d", received.ChangedEpoch, row.ChangedEpoch)
	}
}
