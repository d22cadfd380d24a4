package models_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// netstrings encodes each text as its length, a colon and the text.
func netstrings(texts ...string) (all string) {
	for _, text := range texts {
		all += fmt.Sprintf("%d:%s", len(text), text)
	}
	return all
}

// Every field is hashed, and the encoding never changes, because stored events were hashed with it.
func TestAuditHash(t *testing.T) {
	previous := []byte("the hash before")
	event := models.AuditEvent{
		ID: "aud_1", Seq: 7, WorkspaceID: ptr("ws_1"), ActorType: models.ActorMember, ActorID: ptr("mem_1"), ActorName: "Ada", Action: "api_key.created",
		TargetType: "api_key", TargetID: "key_1", TargetName: "Wärehouse", Details: map[string]string{"scopes": "", "key_prefix": "sk_live_abc1...."},
		Address: "192.0.2.7", UserAgent: "Browser/1.0", CreatedAt: time.Date(2026, 3, 14, 9, 26, 53, 589e6, time.UTC),
	}
	whole := netstrings("skipup audit event 1", "the hash before", "7", "aud_1", "ws_1", "member", "mem_1", "Ada", "api_key.created",
		"api_key", "key_1", "Wärehouse", "192.0.2.7", "Browser/1.0", "1773480413589", "2", "key_prefix", "sk_live_abc1....", "scopes", "")
	want := sha256.Sum256([]byte(whole))
	if diff := cmp.Diff(hex.EncodeToString(want[:]), hex.EncodeToString(event.HashAfter(previous))); diff != "" {
		t.Errorf("hash (-want +got):\n%s", diff)
	}
	event.WorkspaceID, event.ActorID, event.Details = nil, nil, nil
	whole = netstrings("skipup audit event 1", "", "7", "aud_1") + "-" + netstrings("member") + "-" + netstrings("Ada", "api_key.created",
		"api_key", "key_1", "Wärehouse", "192.0.2.7", "Browser/1.0", "1773480413589", "0")
	want = sha256.Sum256([]byte(whole))
	if diff := cmp.Diff(hex.EncodeToString(want[:]), hex.EncodeToString(event.HashAfter(nil))); diff != "" {
		t.Errorf("hash of a first event without optional fields (-want +got):\n%s", diff)
	}
}

// An event with a proof hashes commitments, so that the hash stays the same when texts are erased.
func TestAuditHashWithProof(t *testing.T) {
	event := models.AuditEvent{
		ID: "aud_1", Seq: 7, WorkspaceID: ptr("ws_1"), ActorType: models.ActorMember, ActorID: ptr("mem_1"), ActorName: "Ada", Action: "user.renamed",
		TargetType: "user", TargetID: "usr_1", TargetName: "Ada", Details: map[string]string{"from": "Ada L."},
		Address: "192.0.2.7", UserAgent: "Browser/1.0", CreatedAt: time.Date(2026, 3, 14, 9, 26, 53, 589e6, time.UTC),
	}
	event.Prove(bytes.Repeat([]byte{1}, 32))
	keyed := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	commitment := func(name, text string) string {
		return netstrings(name, string(keyed(keyed(bytes.Repeat([]byte{1}, 32), name), text)))
	}
	whole := netstrings("skipup audit event 2", "before", "7", "aud_1", "ws_1", "member", "mem_1", "user.renamed", "user", "usr_1", "1773480413589", "1") +
		commitment("actor_name", "Ada") + commitment("address", "192.0.2.7") + commitment("details.from", "Ada L.") + commitment("target_name", "Ada") + commitment("user_agent", "Browser/1.0")
	want := sha256.Sum256([]byte(whole))
	for range 2 {
		if diff := cmp.Diff(hex.EncodeToString(want[:]), hex.EncodeToString(event.HashAfter([]byte("before")))); diff != "" {
			t.Errorf("hash (-want +got):\n%s", diff)
		}
		event.Replace(map[string]string{"actor_name": "Erased person 01234567", "details.from": "Erased person 01234567", "address": ""})
	}
}
