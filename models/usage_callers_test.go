package models_test

import (
	"fmt"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// callerOf returns the stored caller of a key with an address and a user agent.
func (s fixture) callerOf(t *testing.T, key *models.APIKey, address, userAgent string) models.APIKeyCaller {
	t.Helper()
	for _, c := range s.callers(t, key) {
		if c.Address == address && c.UserAgent == userAgent {
			return c
		}
	}
	t.Errorf("no caller %q with user agent %q", address, userAgent)
	return models.APIKeyCaller{}
}

// TestUserAgentsOfOneAddressHideNoOther sends more user agents from one address than a key
// distinguishes, in several flushes on two nodes.
func TestUserAgentsOfOneAddressHideNoOther(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		key := s.key(t, "CI")
		const agents = models.MaxCallers + 1
		for n := range 2 * agents { // each twice, on different nodes
			agent := fmt.Sprintf("robot/%03d", n%agents)
			record(t, &modelstest.Store{Store: nodes[n%2]}, countsOf(use{key, s.Now(), "192.0.2.66", agent, "GET /me"}))
		}
		for i, address := range []string{"198.51.100.1", "198.51.100.2"} {
			for _, agent := range []string{"curl/8", "python/3", "curl/8"} {
				record(t, &modelstest.Store{Store: nodes[i]}, countsOf(use{key, s.Now(), address, agent, "GET /me"}))
			}
			modelstest.Equal(t, "requests of the first user agent", s.callerOf(t, key, address, "curl/8").Accepted, int64(2))
			modelstest.Equal(t, "requests of other user agents", s.callerOf(t, key, address, "").Accepted, int64(1))
		}
		rest := s.callerOf(t, key, "192.0.2.66", "")
		modelstest.Equal(t, "requests of the user agents beyond the limit", rest.Accepted, int64(2))
		modelstest.Equal(t, "callers counted together", rest.Others.Len(), 1)
		modelstest.Equal(t, "known exactly", rest.Others.IsExact(), true)
		modelstest.Equal(t, "requests", s.requests(t, key), int64(2*agents+6))
	})
}

// TestAddressesAreLimited sends requests from more addresses than a key distinguishes.
func TestAddressesAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		key := s.key(t, "CI")
		const addresses = models.MaxAddresses + 20
		for n := range 4 {
			var uses []use
			for i := range addresses {
				uses = append(uses, use{key, s.Now(), fmt.Sprintf("198.51.%d.%d", i/250, i%250), fmt.Sprint("agent/", n/2), "GET /me"})
			}
			record(t, &modelstest.Store{Store: nodes[n%2]}, countsOf(uses...))
		}
		seen, callers := map[string]bool{}, s.callers(t, key)
		for _, c := range callers {
			seen[c.Address] = true
		}
		modelstest.Equal(t, "addresses", len(seen), models.MaxAddresses+1)
		modelstest.Equal(t, "rows", len(callers), 2*models.MaxAddresses+1)
		others := s.callerOf(t, key, "", "")
		modelstest.Equal(t, "callers counted as others", others.Others.Len(), 2*20)
		modelstest.Equal(t, "requests of others", others.Accepted, int64(4*20))
		modelstest.Equal(t, "requests", s.requests(t, key), int64(4*addresses))
	})
}

// TestOthersIncludeCallersWithoutUserAgent counts a caller without a user agent among the other user
// agents of its address, whichever comes first.
func TestOthersIncludeCallersWithoutUserAgent(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, first := range []bool{true, false} {
			key := s.key(t, "CI")
			none := use{key, s.Now(), "192.0.2.66", "", "GET /me"}
			if first {
				record(t, s.Store, countsOf(none))
			}
			for n := range models.MaxCallers + 1 {
				record(t, s.Store, countsOf(use{key, s.Now(), "192.0.2.66", fmt.Sprint("robot/", n), "GET /me"}))
			}
			record(t, s.Store, countsOf(none), countsOf(none))
			want := 2
			if first {
				want = 3 // because it took one of the rows
			}
			modelstest.Equal(t, "callers counted together", s.callerOf(t, key, "192.0.2.66", "").Others.Len(), want)
		}
	})
}

// TestOthersOfAnEarlierVersion doesn't know how many callers an earlier version has counted together.
func TestOthersOfAnEarlierVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		record(t, s.Store, countsOf(use{key: key, at: s.Now()}))
		others := s.callerOf(t, key, "", "")
		modelstest.Equal(t, "callers", others.Others.Len(), 0)
		modelstest.Equal(t, "known exactly", others.Others.IsExact(), false)
	})
}
