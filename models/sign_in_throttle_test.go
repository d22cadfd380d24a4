package models_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// from returns a context with an actor at an IP address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Name: "Unknown", Address: address})
}

// guess tries a wrong password and returns how long to wait, zero if it was compared.
func guess(t *testing.T, s fixture, ctx context.Context, email string) time.Duration {
	t.Helper()
	return waitOf(t, s, ctx, models.Credentials{Email: email, Password: "wrong"})
}

// waitOf tries to sign in and returns how long to wait, zero if the password was compared.
func waitOf(t *testing.T, s fixture, ctx context.Context, c models.Credentials) time.Duration {
	t.Helper()
	_, err := s.SignIn(ctx, "", c)
	var refused *models.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("sign in: %v", err)
	}
	if err == nil || refused.Kind == models.Invalid {
		return 0
	}
	wantKind(t, err, models.RateLimited)
	return refused.RetryAfter
}

// waits makes one guess after the other, each as soon as it may be, and returns the waits.
func waits(t *testing.T, s fixture, guesses int, guess func(i int) time.Duration) []time.Duration {
	t.Helper()
	var waited []time.Duration
	for i := range guesses {
		wait := guess(i)
		if wait > 0 {
			s.Clock.Advance(wait - time.Millisecond)
			if again := guess(i); again != time.Millisecond {
				t.Errorf("guess %d a millisecond early: wait = %v, want 1ms", i, again)
			}
			s.Clock.Advance(time.Millisecond)
			if again := guess(i); again != 0 {
				t.Errorf("guess %d in time: wait = %v, want 0", i, again)
			}
		}
		waited = append(waited, wait)
	}
	return waited
}

func seconds(values ...int) []time.Duration {
	durations := make([]time.Duration, len(values))
	for i, value := range values {
		durations[i] = time.Duration(value) * time.Second
	}
	return durations
}

func TestSignInRateLimitByAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, email := range []string{"ada@acme.test", "unknown@acme.test"} {
			got := waits(t, s, 13, func(i int) time.Duration { return guess(t, s, from(t, fmt.Sprint("198.51.100.", i)), email) })
			if diff := cmp.Diff(seconds(0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30), got); diff != "" {
				t.Errorf("waits for %s (-want +got):\n%s", email, diff)
			}
		}
	})
}

func TestSignInRateLimitByAddress(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		got := waits(t, s, 26, func(i int) time.Duration {
			return guess(t, s, from(t, "198.51.100.9"), fmt.Sprintf("u%d@acme.test", i))
		})
		// A guess that is rejected counts, and so does the one that comes a millisecond early.
		want := append(make([]time.Duration, 20), seconds(1, 8, 64, 512, 900, 900)...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		if wait := guess(t, s, from(t, "198.51.100.10"), "u1@acme.test"); wait != 0 {
			t.Errorf("wait of another address = %v, want 0", wait)
		}
	})
}

func TestSignInRateLimitAppliesToRightPassword(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 5 {
			guess(t, s, from(t, "198.51.100.9"), "ada@acme.test")
		}
		if wait := waitOf(t, s, from(t, "198.51.100.9"), ada); wait != time.Second {
			t.Errorf("wait with the right password = %v, want 1s", wait)
		}
		wantCount(t, s.Store, "sessions", 0)
		s.Clock.Advance(time.Second)
		signIn(t, s, ada)
	})
}

// An attacker who polls can neither keep the owner of an account from signing in elsewhere, nor go on
// guessing.
func TestAttackerCannotKeepOwnerFromSigningIn(t *testing.T) {
	for name, addressOf := range map[string]func(i int) string{
		"one address":      func(int) string { return "198.51.100.9" },
		"one IPv4 network": func(i int) string { return fmt.Sprint("198.51.100.", i%256) },
		"one IPv6 network": func(i int) string { return fmt.Sprintf("2001:db8:7:%x::1", i) },
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				compared := 0
				for i := range 120 {
					if guess(t, s, from(t, addressOf(i)), ada.Email) == 0 {
						compared++
					}
					s.Clock.Advance(time.Second)
				}
				if compared > 20 {
					t.Errorf("compared guesses in 120 seconds = %d, want at most 20", compared)
				}
				signIn(t, s, ada)
			})
		})
	}
}

func TestRejectedAttemptsCountForAddressAndNetwork(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		poll := func(address string, times int) {
			for range times {
				guess(t, s, from(t, address), ada.Email)
			}
		}
		poll("198.51.100.9", 20)
		if got := guess(t, s, from(t, "198.51.100.9"), "other@acme.test"); got != time.Second {
			t.Errorf("wait of the address for another account = %v, want 1s", got)
		}
		if got := guess(t, s, from(t, "198.51.100.10"), "other@acme.test"); got != 0 {
			t.Errorf("wait of another address in the network = %v, want 0", got)
		}
		poll("198.51.100.9", 77) // with the two above: 99
		if got := guess(t, s, from(t, "198.51.100.11"), "other@acme.test"); got != 0 {
			t.Errorf("wait of the network's attempt 100 = %v, want 0", got)
		}
		if got := guess(t, s, from(t, "198.51.100.12"), "other@acme.test"); got != time.Second {
			t.Errorf("wait of the network's attempt 101 = %v, want 1s", got)
		}
		if got := guess(t, s, from(t, "198.51.101.9"), "other@acme.test"); got != 0 {
			t.Errorf("wait of another network = %v, want 0", got)
		}
	})
}

// Someone who makes up emails creates few rows, all of which are purged.
func TestGuessesAtManyAccountsCreateFewRows(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 60 {
			guess(t, s, from(t, "198.51.100.9"), fmt.Sprintf("u%d@acme.test", i))
		}
		wantCount(t, s.Store, "sign_in_throttles", 2+2*20) // address and network, and a share of each account with the account
	})
}

// Many networks together can limit an account, until the operator unlocks it.
func TestUnlockUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		second := newFixture(t, s.Store, "Globex", ada.Email)
		attack := func(networks int) {
			for i := range networks {
				for range 5 {
					guess(t, s, from(t, fmt.Sprintf("198.51.%d.9", i)), ada.Email)
				}
			}
		}
		attack(20)
		if got := waitOf(t, s, s.ctx, ada); got != time.Second {
			t.Fatalf("wait after 100 guesses from 20 networks = %v, want 1s", got)
		}
		operator := models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
		user, err := s.UnlockUser(operator, "ADA@acme.test")
		if err != nil {
			t.Fatal(err)
		}
		if user.ID != s.admin.UserID {
			t.Errorf("unlocked user = %s, want %s", user.ID, s.admin.UserID)
		}
		for _, workspace := range []fixture{s, second} {
			events := eventsOf(t, workspace, user.ID)
			if len(events) == 0 || events[0].Action != "user.unlocked" {
				t.Errorf("events = %+v, want user.unlocked first", events)
			}
		}
		attack(25) // goes on
		if got := guess(t, s, from(t, "198.51.0.9"), ada.Email); got != time.Second {
			t.Errorf("wait of a network with five guesses since = %v, want 1s", got)
		}
		signIn(t, s, ada)
		for _, email := range []string{"unknown@acme.test", "", "\x00"} {
			wantKind(t, errOf(s.UnlockUser(operator, email)), models.NotFound)
		}
	})
}

func TestRateLimitedAddressDoesNotCountAgainstAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 20 {
			guess(t, s, from(t, "198.51.100.9"), fmt.Sprintf("u%d@acme.test", i))
		}
		for range 10 {
			if wait := guess(t, s, from(t, "198.51.100.9"), "ada@acme.test"); wait != time.Second {
				t.Fatalf("the wait is %v", wait)
			}
		}
		if got := waits(t, s, 5, func(int) time.Duration { return guess(t, s, from(t, "203.0.113.5"), "ada@acme.test") }); got[4] != 0 {
			t.Errorf("waits from another address = %v, want none", got)
		}
	})
}

func TestConcurrentSignInsAreRateLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []fixture{s, {s.Another(t), s.id, s.admin, s.ctx}}
		count := func(n int, credentials func(i int) models.Credentials, address func(i int) string) (compared int) {
			t.Helper()
			for _, wait := range atOnce(n, func(i int) time.Duration { return waitOf(t, nodes[i%2], from(t, address(i)), credentials(i)) }) {
				if wait == 0 {
					compared++
				}
			}
			return compared
		}
		wrong := func(int) models.Credentials { return models.Credentials{Email: "ada@acme.test", Password: "wrong"} }
		if got := count(50, wrong, func(i int) string { return fmt.Sprint("198.51.100.", i) }); got != 5 {
			t.Errorf("compared guesses at one account = %d, want 5", got)
		}
		others := func(i int) models.Credentials {
			return models.Credentials{Email: fmt.Sprintf("u%d@acme.test", i), Password: "wrong"}
		}
		if got := count(50, others, func(int) string { return "203.0.113.5" }); got != 20 {
			t.Errorf("compared guesses from one address = %d, want 20", got)
		}
	})
}

func TestKnownDeviceHasOwnRateLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		device := signIn(t, s, ada).Device
		attack := func(address string) {
			t.Helper()
			for i := range 20 {
				guess(t, s, from(t, fmt.Sprint("198.51.100.", i)), "ada@acme.test")
				guess(t, s, from(t, address), fmt.Sprintf("u%d@acme.test", i))
			}
		}
		attack("192.0.2.7") // from her own address, too
		if wait := waitOf(t, s, s.ctx, ada); wait == 0 {
			t.Error("wait on an unknown device = 0")
		}
		in := signIn(t, s, models.Credentials{Email: "ADA@acme.test", Password: ada.Password, Device: device})
		if in.Device != device {
			t.Error("cookie of the known device changed")
		}

		// The device is known for this account alone.
		other := models.Credentials{Email: "u1@acme.test", Password: "wrong", Device: device}
		if wait := waitOf(t, s, s.ctx, other); wait == 0 {
			t.Error("wait on the device for another account = 0")
		}
		for _, invented := range []string{"invented", device[1:], "\x00"} {
			if wait := waitOf(t, s, s.ctx, models.Credentials{Email: ada.Email, Password: ada.Password, Device: invented}); wait == 0 {
				t.Errorf("wait on the unknown device %q = 0", invented)
			}
		}

		// It has a count of its own: a stolen cookie is no way to guess.
		stolen := models.Credentials{Email: "ada@acme.test", Password: "wrong", Device: device}
		got := waits(t, s, 7, func(int) time.Duration { return waitOf(t, s, s.ctx, stolen) })
		if diff := cmp.Diff(seconds(0, 0, 0, 0, 0, 1, 2), got); diff != "" {
			t.Errorf("waits of guesses with a stolen cookie (-want +got):\n%s", diff)
		}
	})
}

func TestSignInClearsAccountButNotAddress(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		newFixture(t, s.Store, "Other", "eve@other.test")
		mallory := from(t, "198.51.100.9")
		eve := models.Credentials{Email: "eve@other.test", Password: modelstest.Password}
		for i := range 19 {
			if wait := guess(t, s, mallory, fmt.Sprintf("u%d@acme.test", i)); wait != 0 {
				t.Fatalf("guess %d has to wait %v", i, wait)
			}
			if wait := waitOf(t, s, mallory, eve); wait != 0 {
				t.Fatalf("wait of a sign-in to the own account after guess %d = %v, want 0", i, wait)
			}
		}
		if wait := guess(t, s, mallory, "ada@acme.test"); wait != 0 {
			t.Errorf("wait of guess 20 = %v, want 0", wait)
		}
		if wait := guess(t, s, mallory, "ada@acme.test"); wait != time.Second {
			t.Errorf("wait of guess 21 = %v, want 1s: signing in to the own account must not reset the address", wait)
		}

		for range 4 {
			guess(t, s, s.ctx, "ada@acme.test")
		}
		signIn(t, s, ada)
		for i := range 5 {
			if wait := guess(t, s, s.ctx, "ada@acme.test"); wait != 0 {
				t.Errorf("wait of mistake %d after a sign-in = %v, want 0", i, wait)
			}
		}
	})
}

func TestFailedSignInsExpireAfterADay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 5 {
			guess(t, s, s.ctx, "ada@acme.test")
		}
		s.Clock.Advance(23 * time.Hour)
		guess(t, s, s.ctx, "ada@acme.test")
		if wait := guess(t, s, s.ctx, "ada@acme.test"); wait != 2*time.Second {
			t.Errorf("wait within a day = %v, want 2s", wait)
		}
		s.Clock.Advance(24*time.Hour + time.Millisecond)
		got := waits(t, s, 6, func(int) time.Duration { return guess(t, s, s.ctx, "ada@acme.test") })
		if diff := cmp.Diff(seconds(0, 0, 0, 0, 0, 1), got); diff != "" {
			t.Errorf("waits after a day (-want +got):\n%s", diff)
		}
	})
}

func TestPurgeKeepsActiveThrottles(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		purge := func() {
			t.Helper()
			if err := s.PurgeExpired(s.ctx); err != nil {
				t.Fatal(err)
			}
		}
		rows := func(sessions, devices, throttles int64) {
			t.Helper()
			wantCount(t, s.Store, "sessions", sessions)
			wantCount(t, s.Store, "known_devices", devices)
			wantCount(t, s.Store, "sign_in_throttles", throttles)
		}
		newLink(t, s.Store)
		in := signIn(t, s, ada)
		guess(t, s, s.ctx, "ada@acme.test")
		wantUnchanged(t, s.Store, purge)
		rows(1, 1, 4)
		s.Clock.Advance(models.SessionIdle - time.Millisecond)
		wantUnchanged(t, s.Store, purge)
		wantLiving(t, s, in.SessionID)
		s.Clock.Advance(24 * time.Hour)
		purge()
		rows(0, 1, 0)
		wantCount(t, s.Store, "setup_links", 0)
		wantCount(t, s.Store, "users", 1)
		s.Clock.Advance(180 * 24 * time.Hour)
		purge()
		rows(0, 0, 0)
	})
}

func TestIPv6NetworkSharesRateLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 20 {
			address := fmt.Sprintf("2001:db8:0:1::%x", i+1)
			if wait := guess(t, s, from(t, address), fmt.Sprintf("user%d@acme.test", i)); wait > 0 {
				t.Fatalf("guess %d has to wait %v", i, wait)
			}
		}
		if wait := guess(t, s, from(t, "2001:db8:0:1:ffff::1"), "other@acme.test"); wait == 0 {
			t.Error("wait of another address in the same network = 0")
		}
		if wait := guess(t, s, from(t, "2001:db8:0:2::1"), "other@acme.test"); wait > 0 {
			t.Errorf("wait of another network = %v, want 0", wait)
		}
	})
}
