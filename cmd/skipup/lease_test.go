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
		if lease.LeaseMS != 500 {
			t.Errorf("default lease = %d ms, want 500 ms", lease.LeaseMS)
		}
		if lease.DeletionMS != 525 {
			t.Errorf("default deletion time = %d ms, want 525 ms", lease.DeletionMS)
		}
		set := skipup(t, env, "lease", "set", "100ms")
		set.requireCode(t, exitOK)
		if set.stdout != "The lease is 100ms. A deletion takes 105ms.\n" {
			t.Errorf("lease set printed %q", set.stdout)
		}
		for _, wrong := range []string{"", "soon", "99ms", "11s", "-1s", "100.5ms"} {
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
