package keyauth_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
)

// fixture is a Store with a workspace, and a Verifier that polls only when a test calls poll.
type fixture struct {
	*modelstest.Store
	*keyauth.Verifier
	workspace string
}

func eachFixture(t *testing.T, test func(t *testing.T, f fixture)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) { test(t, newFixture(t, s)) })
}

func newFixture(t testing.TB, s *modelstest.Store) fixture {
	t.Helper()
	workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
	return fixture{s, keyauth.New(s.Store, keyauth.Options{}), workspace.ID}
}

// takeLongLease takes a lease that outlasts the test. Later changes don't wait for it.
func (f fixture) takeLongLease(t testing.TB) {
	t.Helper()
	f.Exec(t, "UPDATE revocation SET node_lease_ms = 3600000, node_wait_ms = 1")
	f.poll(t)
	f.Exec(t, "UPDATE revocation SET node_lease_ms = 1, node_wait_ms = 1")
}

// poll polls until the node has a lease. A change that it hasn't confirmed has removed the node.
func (f fixture) poll(t testing.TB) {
	t.Helper()
	err := f.Poll(t.Context())
	if errors.Is(err, models.ErrNodeRemoved) {
		err = f.Poll(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// commit starts a change and returns once it is committed. Until the node has confirmed it, the change
// doesn't return. Await waits until it does.
func (f fixture) commit(t testing.TB, change func()) (await func()) {
	t.Helper()
	f.Exec(t, "UPDATE revocation SET node_wait_ms = 3600000")
	epoch := f.epoch(t)
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		change()
	}()
	for f.epoch(t) == epoch {
		time.Sleep(time.Millisecond)
	}
	return func() { <-returned }
}

func (f fixture) epoch(t testing.TB) int64 {
	t.Helper()
	lease, err := f.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lease.Epoch
}

// key creates a key and returns its row and the header that carries it.
func (f fixture) key(t testing.TB, n models.NewAPIKey) (*models.APIKey, []string) {
	t.Helper()
	n.Name = "CI"
	key, secret, err := f.CreateAPIKey(t.Context(), f.workspace, n)
	if err != nil {
		t.Fatal(err)
	}
	return key, []string{"Bearer " + secret.Reveal()}
}

func (f fixture) accepts(t testing.TB, header []string) bool {
	t.Helper()
	_, err := f.Verify(t.Context(), header)
	if err != nil && !errors.Is(err, keyauth.ErrInvalid) {
		t.Fatalf("verify: %v", err)
	}
	return err == nil
}

// isCached reports whether the key is verified from memory.
func (f fixture) isCached(t testing.TB, header []string) bool {
	t.Helper()
	digest, err := f.Parse(header)
	if err != nil {
		t.Fatal(err)
	}
	_, ok, _ := f.Recall(time.Now(), digest)
	return ok
}

// mustBeInactive checks that a key is rejected in the given state, with its ID in the error.
func (f fixture) mustBeInactive(t testing.TB, header []string, want models.KeyStatus, key *models.APIKey) {
	t.Helper()
	inactive := new(keyauth.InactiveError)
	if _, err := f.Verify(t.Context(), header); !errors.As(err, &inactive) {
		t.Errorf("Verify = %v, want an InactiveError", err)
		return
	}
	if inactive.Status != want {
		t.Errorf("status = %s, want %s", inactive.Status, want)
	}
	if inactive.Key.ID() != key.ID {
		t.Errorf("key = %s, want %s", inactive.Key.ID(), key.ID)
	}
}

func TestVerifyUsesMemoryUnderALease(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		_, header := f.key(t, models.NewAPIKey{})
		if !f.accepts(t, header) {
			t.Fatal("a valid key is rejected")
		}
		if f.isCached(t, header) {
			t.Fatal("memory is used without a lease")
		}
		f.takeLongLease(t)
		if f.isCached(t, header) {
			t.Error("a key read before the first poll is used after it, so a change between the two would be missed")
		}
		if !f.accepts(t, header) {
			t.Error("a valid key is rejected under a lease")
		}
		if !f.isCached(t, header) {
			t.Error("a key used under a lease is not cached")
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if !f.accepts(t, header) {
			t.Error("the store is read although the key is cached")
		}
	})
}

func TestVerifyDoesNotCacheUnknownKeys(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.takeLongLease(t)
		unknown := token.New(token.Live)
		if f.accepts(t, []string{"Bearer " + unknown.Reveal()}) {
			t.Fatal("an unknown key is accepted")
		}
		key, header := f.key(t, models.NewAPIKey{})
		f.Exec(t, "UPDATE api_keys SET digest = $1 WHERE id = $2", digestBytes(unknown), key.ID)
		if !f.accepts(t, []string{"Bearer " + unknown.Reveal()}) {
			t.Error("a key that was unknown before is still rejected")
		}
		if f.accepts(t, header) {
			t.Error("a digest that no longer exists is accepted")
		}
	})
}

func digestBytes(secret token.Secret) []byte {
	digest := secret.Digest()
	return digest[:]
}

// Until the next poll, the lease allows the old state.
func TestPollAppliesEveryKindOfChange(t *testing.T) {
	changes := map[string]func(t *testing.T, f fixture, key *models.APIKey){
		"deletion": func(t *testing.T, f fixture, key *models.APIKey) {
			if _, err := f.DeleteAPIKey(t.Context(), f.workspace, key.ID, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
		},
		"pause": func(t *testing.T, f fixture, key *models.APIKey) {
			if _, err := f.PauseAPIKey(t.Context(), f.workspace, key.ID, f.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
		"fewer scopes": func(t *testing.T, f fixture, key *models.APIKey) {
			f.change(t, key, models.KeyAccess{})
		},
		"more scopes": func(t *testing.T, f fixture, key *models.APIKey) {
			f.change(t, key, models.KeyAccess{Scopes: scope.All})
		},
		"earlier expiry": func(t *testing.T, f fixture, key *models.APIKey) {
			at := f.Now().Add(time.Hour)
			f.change(t, key, models.KeyAccess{Scopes: key.Scopes, ExpiresAt: &at})
			f.Clock.Advance(time.Hour)
		},
	}
	eachFixture(t, func(t *testing.T, f fixture) {
		for name, change := range changes {
			t.Run(name, func(t *testing.T) {
				f.takeLongLease(t)
				key, header := f.key(t, models.NewAPIKey{Scopes: scope.Of(scope.SeatsRead)})
				before, err := f.Verify(t.Context(), header)
				if err != nil {
					t.Fatal(err)
				}
				await := f.commit(t, func() { change(t, f, key) })
				if got, err := f.Verify(t.Context(), header); err != nil || got != before {
					t.Errorf("before the poll: Verify = %+v, %v, want %+v", got, err, before)
				}
				f.poll(t)
				await()
				f.takeLongLease(t)
				if got, err := f.Verify(t.Context(), header); got == before {
					t.Errorf("after the poll: Verify = %+v, %v, want the new state", got, err)
				}
			})
		}
	})
}

func (f fixture) change(t *testing.T, key *models.APIKey, access models.KeyAccess) {
	t.Helper()
	current, err := f.APIKey(t.Context(), f.workspace, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ChangeAPIKeyAccess(t.Context(), f.workspace, key.ID, current.Access(), access); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRejectsExpiredKeys(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.takeLongLease(t)
		at := f.Now().Add(time.Minute)
		key, header := f.key(t, models.NewAPIKey{ExpiresAt: &at})
		f.Clock.Advance(time.Minute - time.Millisecond)
		if !f.accepts(t, header) {
			t.Error("the key is rejected before its expiry")
		}
		f.Clock.Advance(time.Millisecond)
		f.mustBeInactive(t, header, models.KeyExpired, key)
		f.change(t, key, models.KeyAccess{})
		f.poll(t)
		if !f.accepts(t, header) {
			t.Error("the key is rejected although its expiry was removed")
		}
	})
}

func TestVerifyRejectsPausedKeys(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.takeLongLease(t)
		key, header := f.key(t, models.NewAPIKey{})
		pause := func() {
			if _, err := f.PauseAPIKey(t.Context(), f.workspace, key.ID, f.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			f.poll(t)
			f.takeLongLease(t)
		}
		pause()
		f.mustBeInactive(t, header, models.KeyPaused, key) // from the store
		f.mustBeInactive(t, header, models.KeyPaused, key) // from memory
		f.Clock.Advance(time.Minute - time.Millisecond)
		if f.accepts(t, header) {
			t.Error("the key is accepted before its pause ends")
		}
		f.Clock.Advance(time.Millisecond)
		if !f.isCached(t, header) {
			t.Error("the end of the pause drops the key from memory")
		}
		if !f.accepts(t, header) {
			t.Error("the key is rejected after its pause")
		}
		pause()
		if f.accepts(t, header) {
			t.Error("the key is accepted while it is paused again")
		}
		if _, err := f.ResumeAPIKey(t.Context(), f.workspace, key.ID); err != nil {
			t.Fatal(err)
		}
		f.poll(t)
		if !f.accepts(t, header) {
			t.Error("the key is rejected after it was resumed")
		}
	})
}

func TestVerifyReportsDeletedKeys(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		key, header := f.key(t, models.NewAPIKey{})
		if _, err := f.DeleteAPIKey(t.Context(), f.workspace, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		f.takeLongLease(t)
		f.mustBeInactive(t, header, models.KeyDeleted, key) // from the store
		f.mustBeInactive(t, header, models.KeyDeleted, key) // from memory
		if !f.isCached(t, header) {
			t.Error("a deleted key is read from the store each time")
		}
	})
}

func TestLeaseEndsWithoutTheStore(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		const lease = 200 * time.Millisecond
		_, header := f.key(t, models.NewAPIKey{})
		f.takeLongLease(t)
		if !f.accepts(t, header) {
			t.Fatal("a valid key is rejected")
		}
		f.Exec(t, "UPDATE revocation SET node_lease_ms = 200, node_wait_ms = 200")
		f.poll(t)
		polled := time.Now()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		unavailable := new(keyauth.UnavailableError)
		for {
			sent := time.Now()
			_, err := f.Verify(t.Context(), header)
			if err != nil {
				if !errors.As(err, &unavailable) {
					t.Errorf("after the lease: Verify = %v, want an UnavailableError", err)
				}
				break
			}
			if sent.Sub(polled) > lease {
				t.Fatal("a key is verified from memory after the lease ended")
			}
		}
		if f.Ready() {
			t.Error("Ready reports true after the lease ended")
		}
		if err := f.Poll(t.Context()); err == nil {
			t.Error("a poll of a closed store succeeds")
		}
		if f.Ready() {
			t.Error("a failed poll takes a lease")
		}
	})
}

func TestReadIsNotSharedWithLaterRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, modelstest.NewSQLite(t))
	key, header := f.key(t, models.NewAPIKey{})
	begun, resume := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	first.Store(true)
	f.Verifier.AfterRead(func() {
		if first.Swap(false) {
			close(begun)
			<-resume
		}
	})
	var early, late error
	var requests sync.WaitGroup
	requests.Go(func() { _, early = f.Verify(context.Background(), header) })
	<-begun
	if _, err := f.DeleteAPIKey(t.Context(), f.workspace, key.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	requests.Go(func() {
		close(started)
		_, late = f.Verify(context.Background(), header)
	})
	<-started
	for range 1000 { // Let the late request find the read in progress. It is correct either way.
		runtime.Gosched()
	}
	close(resume)
	requests.Wait()
	if early != nil {
		t.Errorf("request from before the deletion: Verify = %v, want nil", early)
	}
	if !errors.Is(late, keyauth.ErrInvalid) {
		t.Errorf("request from after the deletion: Verify = %v, want ErrInvalid", late)
	}
}

// The row is read; the key is deleted, and the deletion applied; then the row is cached.
func TestReadFromBeforeADeletionIsNotCached(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.takeLongLease(t)
		key, header := f.key(t, models.NewAPIKey{})
		f.Verifier.AfterRead(func() {
			f.Verifier.AfterRead(nil)
			if _, err := f.DeleteAPIKey(t.Context(), f.workspace, key.ID, models.NoConfirmation); err != nil {
				t.Error(err)
			}
			f.takeLongLease(t)
		})
		if !f.accepts(t, header) {
			t.Error("the request from before the deletion is rejected")
		}
		if f.accepts(t, header) {
			t.Error("the request from after the deletion is accepted")
		}
	})
}

// One read is enough if the key can be cached, and two otherwise.
func TestConcurrentRequestsShareReads(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		_, header := f.key(t, models.NewAPIKey{})
		f.takeLongLease(t)
		unknown := []string{"Bearer " + token.New(token.Live).Reveal()}
		for _, tt := range []struct {
			name   string
			header []string
			want   int64
		}{{"valid key", header, 1}, {"unknown key", unknown, 2}, {"unknown key again", unknown, 2}} {
			t.Run(tt.name, func(t *testing.T) {
				const requests = 200
				var reads atomic.Int64
				started := make(chan struct{})
				f.Verifier.AfterRead(func() {
					if reads.Add(1) == 1 {
						<-started
						time.Sleep(20 * time.Millisecond) // until the last request has joined
					}
				})
				var starting, all sync.WaitGroup
				starting.Add(requests)
				for range requests {
					all.Go(func() {
						starting.Done()
						_, _ = f.Verify(context.Background(), tt.header)
					})
				}
				starting.Wait()
				close(started)
				all.Wait()
				if got := reads.Load(); got > tt.want {
					t.Errorf("reads = %d for %d requests, want at most %d", got, requests, tt.want)
				}
			})
		}
	})
}

// A request that arrives while a lease is renewed must not combine the entry from before with the
// lease from after.
func TestRecallChecksTheLeaseBeforeTheLookup(t *testing.T) {
	t.Parallel()
	f := newFixture(t, modelstest.NewSQLite(t))
	row, header := f.key(t, models.NewAPIKey{})
	digest, err := f.Parse(header)
	if err != nil {
		t.Fatal(err)
	}
	var round, finished atomic.Int64 // spinning aligns the two goroutines better than waiting
	var accepted atomic.Bool
	const rounds = 200_000
	var requests sync.WaitGroup
	requests.Go(func() {
		for n := int64(1); n <= rounds; n++ {
			for round.Load() < n {
				runtime.Gosched()
			}
			for range 10 {
				if _, ok, err := f.Recall(time.Now(), digest); ok && err == nil {
					accepted.Store(true)
				}
			}
			finished.Store(n)
		}
	})
	for n := int64(1); n <= rounds; n++ {
		f.Verifier.CacheWithoutLease(t, row, digest)
		round.Store(n)
		f.Verifier.ApplyDeletion(digest)
		for finished.Load() < n {
			runtime.Gosched()
		}
	}
	requests.Wait()
	if accepted.Load() {
		t.Fatal("a key whose deletion was applied before the lease was renewed is accepted")
	}
}

func TestVerifyAllocatesNothing(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	f.takeLongLease(t)
	at := f.Now().Add(time.Hour)
	row, header := f.key(t, models.NewAPIKey{ExpiresAt: &at, Scopes: scope.All})
	if _, err := f.PauseAPIKey(t.Context(), f.workspace, row.ID, f.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	f.takeLongLease(t)
	f.Clock.Advance(time.Second) // a pause in the past must not allocate either
	ctx := t.Context()
	allocations := testing.AllocsPerRun(1000, func() {
		key, err := f.Verify(ctx, header)
		if err != nil || key.Require(scope.Of(scope.SeatsRead, scope.MembersWrite), scope.Builtin) != nil {
			t.Fatal("a valid key is rejected")
		}
	})
	if allocations != 0 {
		t.Errorf("allocations = %v, want 0", allocations)
	}
}

// The monotonic clock stops while a machine sleeps, and the wall clock can be set back.
func TestLeaseEndsOnEitherClock(t *testing.T) {
	tests := []struct {
		name            string
		monotonic, wall time.Duration // since the lease was taken
		want            bool
	}{
		{"at the start", 0, 0, true},
		{"just before the end", time.Second - 1, time.Second - 1, true},
		{"at the end", time.Second, time.Second, false},
		{"after the machine slept", 0, time.Second, false},
		{"after the wall clock was set back", time.Second, -time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			left := keyauth.LeaseLeft(time.Second, tt.monotonic, tt.wall)
			if got := left > 0; got != tt.want {
				t.Errorf("valid = %t (%v left), want %t", got, left, tt.want)
			}
		})
	}
}

// A node may read a key after a change that it hasn't applied yet. If a failover loses that change, no
// later one makes the node drop the key.
func TestKeyIsNotCachedBeforeItsChangeIsApplied(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		key, header := f.key(t, models.NewAPIKey{Scopes: scope.Of(scope.SeatsRead)})
		f.poll(t)
		f.Exec(t, "UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_lost'")
		f.Exec(t, "UPDATE api_keys SET changed_epoch = (SELECT epoch FROM revocation) WHERE id = '"+key.ID+"'")
		if _, err := f.Verify(t.Context(), header); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "cached keys", f.State().CachedKeys, 0)
		f.poll(t)
		if _, err := f.Verify(t.Context(), header); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "cached keys after a poll", f.State().CachedKeys, 1)
	})
}
