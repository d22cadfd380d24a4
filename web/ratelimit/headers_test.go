package ratelimit_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/web/ratelimit"
)

func TestSetHeaders(t *testing.T) {
	perMinute := ratelimit.Policy{Name: "default", Quota: 120, Window: time.Minute}
	tests := []struct {
		name          string
		decision      ratelimit.Decision
		policy, limit string
	}{
		{"the first", ratelimit.Decision{Allowed: true, Remaining: 119, Reset: time.Minute}, `"default";q=120;w=60`, `"default";r=119;t=60`},
		{"refused", ratelimit.Decision{Reset: 12 * time.Second}, `"default";q=120;w=60`, `"default";r=0;t=12`},
		{"seconds are rounded up", ratelimit.Decision{Reset: 11*time.Second + 1}, `"default";q=120;w=60`, `"default";r=0;t=12`},
		{"at least one", ratelimit.Decision{Reset: 1}, `"default";q=120;w=60`, `"default";r=0;t=1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("RateLimit", "of somebody else")
			ratelimit.SetHeaders(header, perMinute, tt.decision)
			want := http.Header{}
			want.Set("RateLimit-Policy", tt.policy)
			want.Set("RateLimit", tt.limit)
			if diff := cmp.Diff(want, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeaderNames(t *testing.T) {
	header := http.Header{}
	ratelimit.SetHeaders(header, three, ratelimit.Decision{Allowed: true, Remaining: 2, Reset: time.Minute})
	header.Add("RateLimit-Policy", `"daily";q=9;w=86400`)
	var sent strings.Builder
	if err := (&http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: header}).Write(&sent); err != nil {
		t.Fatal(err)
	}
	received, err := http.ReadResponse(bufio.NewReader(strings.NewReader(sent.String())), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"RateLimit-Policy": {`"default";q=3;w=60`, `"daily";q=9;w=86400`},
		"RateLimit":        {`"default";r=2;t=60`},
	} {
		if diff := cmp.Diff(want, received.Header.Values(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSetHeadersAllocations(t *testing.T) {
	header := http.Header{}
	allocations := testing.AllocsPerRun(1000, func() { ratelimit.SetHeaders(header, three, ratelimit.Decision{Reset: time.Minute}) })
	if allocations > 2 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkSetHeaders(b *testing.B) {
	header := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		ratelimit.SetHeaders(header, three, ratelimit.Decision{Allowed: true, Remaining: 2, Reset: time.Minute})
	}
}
