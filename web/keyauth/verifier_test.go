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

// house is a Store with a workspace, and a Verifier that polls only when it is told to.
type house struct {
	*modelstest.Store
	*keyauth.Verifier
	workspace string
}

func eachHouse(t *testing.T, test func(t *testing.T, h house)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) { test(t, houseOn(t, s)) })
}

func houseOn(t testing.TB, s *modelstest.Store) house {
	t.Helper()
	workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
	return house{s, keyauth.New(s.Store, keyauth.Options{}), workspace.ID}
}

// holdLease makes leases so long that none ends within a test by itself, and takes one.
func (h house) holdLease(t testing.TB) {
	t.Helper()
	h.Exec(t, "UPDATE revocation SET lease_ms = 3600000, wait_ms = 3600000")
	h.poll(t)
	h.Exec(t, "UPDATE revocation SET lease_ms = 1, wait_ms = 1") // changes do not wait: who polls is the test's to say
}

func (h house) poll(t testing.TB) {
	t.Helper()
	if err := h.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// key makes a key and returns its row and the header that carries it.
func (h house) key(t testing.TB, n models.NewAPIKey) (*models.APIKey, []string) {
	t.Helper()
	n.Name = "CI"
	key, secret, err := h.CreateAPIKey(t.Context(), h.workspace, n)
	if err != nil {
		t.Fatal(err)
	}
	return key, []string{"Bearer " + secret.Reveal()}
}

func (h house) accepts(t testing.TB, header []string) bool {
	t.Helper()
	_, err := h.Verify(t.Context(), header)
	if err != nil && !errors.Is(err, keyauth.ErrInvalid) {
		t.Fatalf("verify: %v", err)
	}
	return err == nil
}

// remembers reports whether the key is answered from memory.
func (h house) remembers(t testing.TB, header []string) bool {
	t.Helper()
	credential, err := h.Parse(header)
	if err != nil {
		t.Fatal(err)
	}
	_, known, _ := h.Recall(&credential)
	return known
}

func TestAKeyIsAnsweredFromMemoryUnderALease(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		_, header := h.key(t, models.NewAPIKey{})
		if !h.accepts(t, header) || h.remembers(t, header) {
			t.Fatal("without a lease the store answers, and nothing else")
		}
		h.holdLease(t)
		if h.remembers(t, header) {
			t.Error("what was read before the first poll is used after it: a change between the two would be missed")
		}
		if !h.accepts(t, header) || !h.remembers(t, header) {
			t.Error("under a lease a key that was used is not in memory")
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if !h.accepts(t, header) {
			t.Error("the store is asked although the key is in memory")
		}
	})
}

func TestANewKeyWorksAtOnce(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		unknown := token.New(token.Live)
		if h.accepts(t, []string{"Bearer " + unknown.Reveal()}) {
			t.Fatal("an unknown key is accepted")
		}
		key, header := h.key(t, models.NewAPIKey{})
		h.Exec(t, "UPDATE api_keys SET digest = $1 WHERE id = $2", digestBytes(unknown), key.ID)
		if !h.accepts(t, []string{"Bearer " + unknown.Reveal()}) {
			t.Error("that a key was unknown is remembered")
		}
		if h.accepts(t, header) {
			t.Error("a digest that is gone is accepted")
		}
	})
}

func digestBytes(secret token.Secret) []byte {
	digest := secret.Digest()
	return digest[:]
}

// TestEveryChangeIsSeenByTheNextPoll, to less and to more; until then the lease lets the old
// state be answered.
func TestEveryChangeIsSeenByTheNextPoll(t *testing.T) {
	changes := map[string]func(t *testing.T, h house, key *models.APIKey){
		"deletion": func(t *testing.T, h house, key *models.APIKey) {
			if _, err := h.DeleteAPIKey(t.Context(), h.workspace, key.ID); err != nil {
				t.Fatal(err)
			}
		},
		"pause": func(t *testing.T, h house, key *models.APIKey) {
			if _, err := h.PauseAPIKey(t.Context(), h.workspace, key.ID, h.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
		"fewer scopes": func(t *testing.T, h house, key *models.APIKey) {
			h.change(t, key, models.KeyAccess{})
		},
		"more scopes": func(t *testing.T, h house, key *models.APIKey) {
			h.change(t, key, models.KeyAccess{Scopes: scope.All})
		},
		"an earlier expiry": func(t *testing.T, h house, key *models.APIKey) {
			at := h.Now().Add(time.Hour)
			h.change(t, key, models.KeyAccess{Scopes: key.Scopes, ExpiresAt: &at})
			h.Clock.Advance(time.Hour)
		},
	}
	eachHouse(t, func(t *testing.T, h house) {
		for name, change := range changes {
			h.holdLease(t)
			key, header := h.key(t, models.NewAPIKey{Scopes: scope.Of(scope.SeatsRead)})
			before, err := h.Verify(t.Context(), header)
			if err != nil {
				t.Fatal(err)
			}
			change(t, h, key)
			if within, err := h.Verify(t.Context(), header); err != nil || within != before {
				t.Errorf("%s: before the poll the old state is not answered: %v", name, err)
			}
			h.poll(t)
			h.holdLease(t)
			after, err := h.Verify(t.Context(), header)
			if after == before {
				t.Errorf("%s: after the poll the old state is answered: %+v, %v", name, after, err)
			}
		}
	})
}

func (h house) change(t *testing.T, key *models.APIKey, access models.KeyAccess) {
	t.Helper()
	now, err := h.APIKey(t.Context(), h.workspace, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ChangeAPIKeyAccess(t.Context(), h.workspace, key.ID, now.Access(), access); err != nil {
		t.Fatal(err)
	}
}

func TestAnExpiredKeyThatIsGivenTimeWorksAgain(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		at := h.Now().Add(time.Minute)
		key, header := h.key(t, models.NewAPIKey{ExpiresAt: &at})
		h.Clock.Advance(time.Minute - time.Millisecond)
		if !h.accepts(t, header) {
			t.Error("refused before its expiry")
		}
		h.Clock.Advance(time.Millisecond)
		dead := new(keyauth.DeadError)
		if _, err := h.Verify(t.Context(), header); !errors.As(err, &dead) || dead.State != models.KeyExpired || dead.Key.ID() != key.ID {
			t.Errorf("at its expiry: %v", err)
		}
		h.change(t, key, models.KeyAccess{})
		h.poll(t)
		if !h.accepts(t, header) {
			t.Error("refused although it does not expire any more")
		}
	})
}

// TestAPausedKeyWorksAgainByItself, from memory too, and at once when somebody resumes it.
func TestAPausedKeyWorksAgainByItself(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		key, header := h.key(t, models.NewAPIKey{})
		pause := func() {
			if _, err := h.PauseAPIKey(t.Context(), h.workspace, key.ID, h.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			h.poll(t)
			h.holdLease(t)
		}
		pause()
		for _, source := range []string{"store", "memory"} {
			dead := new(keyauth.DeadError)
			if _, err := h.Verify(t.Context(), header); !errors.As(err, &dead) || dead.State != models.KeyPaused || dead.Key.ID() != key.ID {
				t.Errorf("paused, from the %s: %v", source, err)
			}
		}
		h.Clock.Advance(time.Minute - time.Millisecond)
		if h.accepts(t, header) {
			t.Error("accepted before the pause ends")
		}
		h.Clock.Advance(time.Millisecond)
		if !h.remembers(t, header) || !h.accepts(t, header) {
			t.Error("refused after the pause, or asked for anew")
		}
		pause()
		if h.accepts(t, header) {
			t.Error("accepted while it is paused again")
		}
		if _, err := h.ResumeAPIKey(t.Context(), h.workspace, key.ID); err != nil {
			t.Fatal(err)
		}
		h.poll(t)
		if !h.accepts(t, header) {
			t.Error("refused although it was resumed")
		}
	})
}

// TestADeadKeyIsKnownByName: refused like any other, it is still told whose it was.
func TestADeadKeyIsKnownByName(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		key, header := h.key(t, models.NewAPIKey{})
		if _, err := h.DeleteAPIKey(t.Context(), h.workspace, key.ID); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{"store", "memory"} {
			dead := new(keyauth.DeadError)
			if _, err := h.Verify(t.Context(), header); !errors.As(err, &dead) || dead.State != models.KeyDeleted || dead.Key.ID() != key.ID {
				t.Errorf("from the %s: %v", source, err)
			}
		}
		if !h.remembers(t, header) {
			t.Error("a dead key is read from the store each time")
		}
	})
}

// TestALeaseEndsOnItsOwn while the store does not answer: then nothing is known.
func TestALeaseEndsOnItsOwn(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		_, header := h.key(t, models.NewAPIKey{})
		h.holdLease(t)
		if !h.accepts(t, header) {
			t.Fatal("refused")
		}
		h.Exec(t, "UPDATE revocation SET lease_ms = 200, wait_ms = 200")
		h.poll(t)
		start := time.Now()
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		unavailable := new(keyauth.UnavailableError)
		for {
			asked := time.Now()
			_, err := h.Verify(t.Context(), header)
			if err != nil {
				if !errors.As(err, &unavailable) {
					t.Errorf("after the lease: %v, want an UnavailableError", err)
				}
				break
			}
			if asked.Sub(start) > 200*time.Millisecond {
				t.Fatal("answered from memory after the lease")
			}
		}
		if h.Ready() {
			t.Error("ready without a lease")
		}
		if err := h.Poll(t.Context()); err == nil || h.Ready() {
			t.Errorf("a poll that failed gives a lease: %v", err)
		}
	})
}

// TestAReadBegunBeforeADeletionAnswersNobodyWhoCameAfterIt: it may be on its way for long.
func TestAReadBegunBeforeADeletionAnswersNobodyWhoCameAfterIt(t *testing.T) {
	t.Parallel()
	s := modelstest.NewSQLite(t)
	h := houseOn(t, s)
	key, header := h.key(t, models.NewAPIKey{})
	begun, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	first.Store(true)
	h.Verifier.AfterRead(func() {
		if first.Swap(false) {
			close(begun)
			<-goOn
		}
	})
	var early, late error
	var requests sync.WaitGroup
	requests.Go(func() { _, early = h.Verify(context.Background(), header) })
	<-begun
	if _, err := h.DeleteAPIKey(t.Context(), h.workspace, key.ID); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	requests.Go(func() {
		close(waiting)
		_, late = h.Verify(context.Background(), header)
	})
	<-waiting
	time.Sleep(20 * time.Millisecond) // let it find the read that is under way; without that it reads by itself, which is right too
	close(goOn)
	requests.Wait()
	if early != nil {
		t.Errorf("the request from before the deletion: %v", early)
	}
	if !errors.Is(late, keyauth.ErrInvalid) {
		t.Errorf("the request from after the deletion: %v, want ErrInvalid", late)
	}
}

// TestAFillFromBeforeADeletionDoesNotOutliveIt: the row is read, the deletion is made and
// applied, then the row arrives at the cache.
func TestAFillFromBeforeADeletionDoesNotOutliveIt(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		key, header := h.key(t, models.NewAPIKey{})
		h.Verifier.AfterRead(func() {
			h.Verifier.AfterRead(nil)
			if _, err := h.DeleteAPIKey(t.Context(), h.workspace, key.ID); err != nil {
				t.Error(err)
			}
			h.holdLease(t)
		})
		if !h.accepts(t, header) {
			t.Error("the request from before the deletion is refused")
		}
		if h.accepts(t, header) {
			t.Error("the request from after the deletion is accepted")
		}
	})
}

// TestManyWhoWaitForOneKeyCostOneRead when it can be put into memory, and two at most if not.
func TestManyWhoWaitForOneKeyCostOneRead(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		_, header := h.key(t, models.NewAPIKey{})
		h.holdLease(t)
		unknown := []string{"Bearer " + token.New(token.Live).Reveal()}
		for _, tt := range []struct {
			name   string
			header []string
			most   int64
		}{{"a good key", header, 1}, {"an unknown key", unknown, 2}, {"an unknown key again", unknown, 2}, {"and again", unknown, 2}} {
			var reads atomic.Int64
			all := make(chan struct{})
			var waiting sync.WaitGroup
			h.Verifier.AfterRead(func() {
				if reads.Add(1) == 1 {
					<-all
					time.Sleep(20 * time.Millisecond) // for the last of them to have joined
				}
			})
			const requests = 200
			var begun sync.WaitGroup
			begun.Add(requests)
			for range requests {
				waiting.Go(func() {
					begun.Done()
					_, _ = h.Verify(context.Background(), tt.header)
				})
			}
			begun.Wait()
			close(all)
			waiting.Wait()
			if got := reads.Load(); got > tt.most {
				t.Errorf("%s is read %d times for %d requests, want at most %d", tt.name, got, requests, tt.most)
			}
		}
	})
}

// TestTheLeaseIsCheckedBeforeTheLookUp: a request that comes while a lease that had run out is
// renewed must not pair the entry from before with the lease from after.
func TestTheLeaseIsCheckedBeforeTheLookUp(t *testing.T) {
	t.Parallel()
	h := houseOn(t, modelstest.NewSQLite(t))
	row, header := h.key(t, models.NewAPIKey{})
	credential, err := h.Parse(header)
	if err != nil {
		t.Fatal(err)
	}
	var round, done atomic.Int64 // two who spin meet more closely than two who wait
	var passed atomic.Bool
	const rounds = 200_000
	var requests sync.WaitGroup
	requests.Go(func() {
		for n := int64(1); n <= rounds; n++ {
			for round.Load() < n {
				runtime.Gosched()
			}
			for range 10 {
				if _, known, err := h.Recall(&credential); known && err == nil {
					passed.Store(true)
				}
			}
			done.Store(n)
		}
	})
	for n := int64(1); n <= rounds; n++ {
		h.Verifier.Hold(t, row, &credential) // in memory, under a lease that has run out
		round.Store(n)
		h.Verifier.Renew(credential.Digest())
		for done.Load() < n {
			runtime.Gosched()
		}
	}
	requests.Wait()
	if passed.Load() {
		t.Fatal("a key that the renewed lease knows to be deleted is accepted")
	}
}

func TestVerifyAllocatesNothing(t *testing.T) {
	h := houseOn(t, modelstest.NewSQLite(t))
	h.holdLease(t)
	at := h.Now().Add(time.Hour)
	row, header := h.key(t, models.NewAPIKey{ExpiresAt: &at, Scopes: scope.All})
	if _, err := h.PauseAPIKey(t.Context(), h.workspace, row.ID, h.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	h.holdLease(t)
	h.Clock.Advance(time.Second) // that it was paused costs nothing either
	ctx := t.Context()
	allocations := testing.AllocsPerRun(1000, func() {
		key, err := h.Verify(ctx, header)
		if err != nil || key.Require(scope.SeatsRead) != nil {
			t.Fatal("refused")
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// TestTheWallClockEndsALeaseToo: the monotonic one stands still while a machine sleeps.
func TestTheWallClockEndsALeaseToo(t *testing.T) {
	tests := []struct {
		name            string
		monotonic, wall time.Duration // since the lease was taken
		held            bool
	}{
		{"at once", 0, 0, true},
		{"just before the end", time.Second - 1, time.Second - 1, true},
		{"at the end", time.Second, time.Second, false},
		{"the machine has slept", 0, time.Second, false},
		{"the wall clock was set back", time.Second, -time.Hour, false},
	}
	for _, tt := range tests {
		if left := keyauth.LeaseLeft(time.Second, tt.monotonic, tt.wall); (left > 0) != tt.held {
			t.Errorf("%s: %v is left", tt.name, left)
		}
	}
}
