package models_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestEmailCooldownForRecipient(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		member := s.add(t, models.NewMember{Email: "grace@acme.test"})
		for name, invite := range map[string]func() error{
			"again": func() error { return s.EmailInvitation(s.ctx, s.id, member.ID) },
			"to a tag": func() error {
				_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "grace+1@acme.test"})
				return err
			},
			"from another workspace": func() error {
				_, err := s.Store.Store.AddMember(other.ctx, other.id, models.NewMember{Email: "grace@acme.test"})
				return err
			},
		} {
			wantUnchanged(t, s.Store, func() {
				err := invite()
				wantKind(t, err, models.RateLimited)
				if limited := new(models.Error); errors.As(err, &limited) && limited.RetryAfter != 10*time.Minute {
					t.Errorf("%s: retry after = %v, want 10m", name, limited.RetryAfter)
				}
			})
		}
		if _, err := s.InviteMember(s.ctx, s.id, member.ID); err != nil {
			t.Errorf("create a link instead: %v", err)
		}
		for i := range 4 {
			s.Clock.Advance(10 * time.Minute)
			if err := s.EmailInvitation(s.ctx, s.id, member.ID); err != nil {
				t.Errorf("email %d: %v", i+2, err)
			}
		}
		s.Clock.Advance(10 * time.Minute)
		wantKind(t, s.EmailInvitation(s.ctx, s.id, member.ID), models.RateLimited)
		if _, err := other.Store.Store.AddMember(other.ctx, other.id, models.NewMember{Email: "grace@acme.test"}); err != nil {
			t.Errorf("email from another workspace: %v", err)
		}
		s.Clock.Advance(24 * time.Hour)
		if err := s.PurgeExpired(s.ctx); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "email_limits", 0)
		if err := s.EmailInvitation(s.ctx, s.id, member.ID); err != nil {
			t.Errorf("email after a day: %v", err)
		}
	})
}

func TestConcurrentEmailsToOneRecipient(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		member := s.add(t, models.NewMember{Email: "grace@acme.test"})
		s.Clock.Advance(time.Hour)
		errs := atOnce(8, func(int) error { return s.EmailInvitation(s.ctx, s.id, member.ID) })
		wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.RateLimited) })
	})
}

func TestEmailQuotaOfWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.add(t, models.NewMember{Email: "first@acme.test"})
		s.Exec(t, fmt.Sprintf("UPDATE email_limits SET sent = %d WHERE subject LIKE 'workspace:%%'", models.MaxDailyWorkspaceEmails-1))
		s.add(t, models.NewMember{Email: "last@acme.test"})
		wantUnchanged(t, s.Store, func() {
			_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "more@acme.test"})
			wantKind(t, err, models.RateLimited)
		})
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		other.add(t, models.NewMember{Email: "more@acme.test"})
	})
}

func TestEmailsThatAreRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, email := range []string{
			"gra\u202ece@acme.test", "gra\u200bce@acme.test", "gra\u00adce@acme.test", "gra\x7fce@acme.test", "gra\u2028ce@acme.test", "grace@ac\u200dme.test",
			"grace@[192.0.2.1]", "grace@[IPv6:2001:db8::1]", "grace@", "grace@acme..test", "grace@-acme.test", "grace@xn--a.test", "gra\u00a0ce@acme.test",
		} {
			wantUnchanged(t, s.Store, func() {
				_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: email})
				if wantFields(t, err, "email"); t.Failed() {
					t.Fatalf("email %q", email)
				}
			})
		}
	})
}

// Browsers send the ASCII form of a domain, and other clients often the international one.
func TestInternationalDomainHasOneForm(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		const ascii = "anna@xn--bcher-kva.example"
		s.NewWorkspace(t, "Books", "Anna@Bücher.example")
		for _, email := range []string{"anna@bücher.example", ascii, "ANNA@BÜCHER.example", "anna@bu\u0308cher.example", "Anna@XN--BCHER-KVA.example"} {
			in := signIn(t, s, models.Credentials{Email: email, Password: modelstest.Password})
			if in.User.Email != ascii {
				t.Errorf("stored email = %q, want %q", in.User.Email, ascii)
			}
			if exists, err := s.HasAccount(s.ctx, email); err != nil || !exists {
				t.Errorf("HasAccount(%q) = %t, %v, want true", email, exists, err)
			}
		}
	})
}

func TestMigrateNormalizesEmails(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			s := modelstest.Unmigrated(t, address(t))
			if err := s.MigrateTo(t.Context(), 18); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{
				"anna@bücher.example": "anna@xn--bcher-kva.example", "ada@acme.test": "ada@acme.test",
				"bob@bücher.example": "bob@bücher.example", "bob@xn--bcher-kva.example": "bob@xn--bcher-kva.example", // belong to two users
			}
			for email := range want {
				s.Exec(t, fmt.Sprintf("INSERT INTO users (id, email, name, password_hash, created_at, updated_at) VALUES ('%s', '%s', '', '', '2026-01-02', '2026-01-02')", email, email))
			}
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for id, email := range want {
				var got string
				if err := s.DB().Raw("SELECT email FROM users WHERE id = ?", id).Scan(&got).Error; err != nil {
					t.Fatal(err)
				}
				if got != email {
					t.Errorf("email of %s = %q, want %q", id, got, email)
				}
			}
		})
	}
}
