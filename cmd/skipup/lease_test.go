package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestLease(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		shown := func() (lease shownLease) {
			t.Helper()
			got := skipup(t, env, "lease", "show", "--json")
			got.requireCode(t, exitOK)
			if err := json.Unmarshal([]byte(got.stdout), &lease); err != nil {
				t.Fatal(err)
			}
			return lease
		}
		if lease := shown(); lease.LeaseMS != 500 || lease.DeletionMS != 525 {
			t.Errorf("by default: %+v", lease)
		}
		set := skipup(t, env, "lease", "set", "100ms")
		set.requireCode(t, exitOK)
		if set.stdout != "The lease is 100ms. A deletion takes 105ms.\n" {
			t.Errorf("set: %q", set.stdout)
		}
		for _, wrong := range []string{"", "soon", "99ms", "11s", "-1s", "100.5ms"} {
			skipup(t, env, "lease", "set", wrong).requireFailure(t, exitUsage)
		}
		skipup(t, env, "lease", "set").requireFailure(t, exitUsage)
		if lease := shown(); lease.LeaseMS != 100 {
			t.Errorf("after refusals: %+v", lease)
		}
		if got := skipup(t, env, "lease", "show"); !strings.Contains(got.stdout, "The lease is 100ms.") {
			t.Errorf("shown: %q", got.stdout)
		}
	})
}
