package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestLease(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		show := func() (lease leaseJSON) {
			t.Helper()
			got := skipup(t, env, "lease", "show", "--json")
			got.requireCode(t, exitOK)
			if err := json.Unmarshal([]byte(got.stdout), &lease); err != nil {
				t.Fatal(err)
			}
			return lease
		}
		lease := show()
		if lease.LeaseMS != 5000 {
			t.Errorf("default lease = %d ms, want 5000 ms", lease.LeaseMS)
		}
		if lease.DeletionMS != 5250 {
			t.Errorf("default deletion time = %d ms, want 5250 ms", lease.DeletionMS)
		}
		skipup(t, env, "lease", "set", "200ms").requireCode(t, exitOK) // so that the next one waits for no longer
		set := skipup(t, env, "lease", "set", "100ms")
		set.requireCode(t, exitOK)
		if set.stdout != "The lease is 100ms. A change to a key waits at most 105ms, if a node doesn't confirm it.\n" {
			t.Errorf("lease set printed %q", set.stdout)
		}
		for _, wrong := range []string{"", "soon", "99ms", "61s", "-1s", "100.5ms"} {
			skipup(t, env, "lease", "set", wrong).requireFailure(t, exitUsage)
		}
		skipup(t, env, "lease", "set").requireFailure(t, exitUsage)
		if lease := show(); lease.LeaseMS != 100 {
			t.Errorf("lease after invalid values = %d ms, want 100 ms", lease.LeaseMS)
		}
		if got := skipup(t, env, "lease", "show"); !strings.Contains(got.stdout, "The lease is 100ms.") {
			t.Errorf("lease show printed %q", got.stdout)
		}
	})
}
