package models

import (
	"bytes"
	"crypto/rand"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

func TestABatchIsReadAsItWasStored(t *testing.T) {
	me, you := ulid.MustNew(1, rand.Reader), ulid.MustNew(ulid.MaxTime(), rand.Reader)
	batch := UsageBatch{
		Routes:  []UsageRoute{{}, {Name: "GET /seats", Scope: "seats.read"}},
		Callers: []UsageCaller{{}, {Address: "192.0.2.7", UserAgent: "curl/8"}, {Address: "unused"}},
		Tallies: []UsageTally{
			{Key: me, Workspace: you, Route: 1, Caller: 1, StatusClass: 4, Refusal: RefusedScope, Requests: math.MaxInt64, First: 1_800_000_000_000, Last: 1_800_000_000_999},
			{Key: you, Workspace: me, Route: 0, Caller: 0, StatusClass: 2, Refusal: Accepted, Requests: 1, First: -1, Last: -1},
			{Key: me, Workspace: you, Route: 1, Caller: 0, StatusClass: 5, Refusal: RefusedRateLimit, Requests: 2, First: 7, Last: 7},
		},
	}
	body, err := batch.encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := decodeUsage(body)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range batch.Tallies {
		got := read.Tallies[i]
		if at(read.Routes, got.Route) != at(batch.Routes, want.Route) || at(read.Callers, got.Caller) != at(batch.Callers, want.Caller) {
			t.Errorf("tally %d names another route or caller: %+v", i, got)
		}
		got.Route, got.Caller = want.Route, want.Caller
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tally %d (-want +got):\n%s", i, diff)
		}
	}
	if len(read.Tallies) != 3 || bytes.Contains(body, []byte("unused")) {
		t.Errorf("%d tallies are read, of callers %v", len(read.Tallies), read.Callers)
	}
}

// FuzzDecodeUsage: a body that is broken is an error, not a panic, and what can be read can be
// stored again.
func FuzzDecodeUsage(f *testing.F) {
	batch := UsageBatch{Routes: make([]UsageRoute, 1), Callers: make([]UsageCaller, 1), Tallies: make([]UsageTally, 2)}
	body, err := batch.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := decodeUsage(body)
		if err != nil {
			return
		}
		body, err = batch.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeUsage(body)
		if err != nil || len(again.Tallies) != len(batch.Tallies) {
			t.Errorf("%d tallies of %d, %v", len(again.Tallies), len(batch.Tallies), err)
		}
	})
}
