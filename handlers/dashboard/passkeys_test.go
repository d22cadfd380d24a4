package dashboard_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestPasskeysOnPages adds a passkey, uses it in every way, renames it, and removes it.
func TestPasskeysOnPages(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		s := handlerstest.With(t, store, handlerstest.Options{PublicURL: modelstest.PasskeyURL})
		b := s.SignedIn(t, handlerstest.AdminEmail)
		const passkeys = "/settings/account/passkeys"
		options := func(b *handlerstest.Browser, path string) []byte {
			response := b.Post(path, nil)
			response.Want(t, http.StatusOK, `"challenge":`)
			return []byte(response.Body)
		}
		b.Get("/settings/account").Want(t, http.StatusOK, "Add passkey…")
		b.Get(passkeys).Want(t, http.StatusOK, "Create passkey", `value="Go-http-client 1.1"`)
		passkey := modelstest.NewPasskey()
		form := url.Values{"name": {""}, "credential": {passkey.Create(t, options(b, passkeys+"/options"))}}
		b.Post(passkeys, form).Want(t, http.StatusUnprocessableEntity, "Name is required", "attestationObject")
		form.Set("name", "Laptop")
		b.Post(passkeys, form).Want(t, http.StatusCreated, "Passkey added", "your recovery codes")
		b.Post(passkeys, form).Want(t, http.StatusUnprocessableEntity, "This took too long, or the passkey was already used.")
		b.Post(passkeys, url.Values{"name": {"Phone"}}).Want(t, http.StatusUnprocessableEntity, "create a passkey. Turn on JavaScript")

		// It is enough for a workspace that requires a second factor.
		policy := url.Values{"lifetime": {"any"}, "review_unused_days": {"30"}, "review_idle_days": {"90"}, "review_old_days": {"365"}, "second_factor_required": {"true"}}
		b.Post("/settings/policy", policy).WantRedirect(t, "/settings/policy")
		b.Get("/settings/api-keys").Want(t, http.StatusOK)

		alone := s.Browser(t)
		alone.Get("/login").Want(t, http.StatusOK, "Use a passkey", `autocomplete="username webauthn"`)
		answer := url.Values{"next": {"/settings/members"}, "passkey": {passkey.Answer(t, options(alone, "/login/passkey/options"))}}
		s.Browser(t).Post("/login/passkey", answer).Want(t, http.StatusUnprocessableEntity, "This took too long", `value="/settings/members"`)
		alone.Post("/login/passkey", answer).WantRedirect(t, "/login?next=%2Fsettings%2Fmembers&signed_in=true")
		alone.Get("/settings/members").Want(t, http.StatusOK, handlerstest.AdminEmail)
		s.Browser(t).Post("/login/passkey", url.Values{"passkey": {"{}"}, "next": {"//evil.test"}}).Want(t, http.StatusUnprocessableEntity, "accepted", `value="/"`)

		second := s.Browser(t)
		second.Post("/login/code/options", nil).Want(t, http.StatusNotFound)
		second.Post("/login", adaSignsIn).WantRedirect(t, "/login/code?next=%2Fsettings%2Fmembers")
		second.Get("/login/code").Want(t, http.StatusOK, "Use your passkey", "Recovery code")
		wrong := modelstest.NewPasskey().Answer(t, options(second, "/login/code/options"))
		second.Post("/login/code", url.Values{"passkey": {wrong}}).Want(t, http.StatusUnprocessableEntity, "accepted", "Use your passkey")
		answer = url.Values{"next": {"/settings/members"}, "passkey": {passkey.Answer(t, options(second, "/login/code/options"))}}
		second.Post("/login/code", answer).WantRedirect(t, "/login?next=%2Fsettings%2Fmembers&signed_in=true")

		s.Clock.Advance(models.ProofLife)
		key := url.Values{"form_id": {"step-up"}, "name": {"Nightly sync"}, "expiry": {"never"}}
		asked := b.Post("/settings/api-keys", key)
		asked.Want(t, http.StatusForbidden, "Use a passkey or enter a code", `name="proof_passkey"`)
		proof := fieldsOf(t, asked)
		proof.Set("proof_passkey", passkey.Answer(t, options(alone, "/settings/account/proof/options")))
		again := b.Post("/settings/api-keys", proof)
		again.Want(t, http.StatusUnprocessableEntity, "This took too long", `value="Nightly sync"`)
		again.WantWithout(t, "authenticatorData")
		proof.Set("proof_passkey", passkey.Answer(t, options(b, "/settings/account/proof/options")))
		b.Post("/settings/api-keys", proof).Want(t, http.StatusCreated, "Nightly sync")

		shown := b.Get("/settings/account")
		shown.Want(t, http.StatusOK, "Laptop")
		id := regexp.MustCompile(`pky_\w+`).FindString(shown.Body)
		b.Get(passkeys+"/"+id).Want(t, http.StatusOK, `value="Laptop"`)
		b.Post(passkeys+"/"+id, url.Values{"name": {" "}}).Want(t, http.StatusUnprocessableEntity, "Name is required")
		b.Post(passkeys+"/"+id, url.Values{"name": {"Work laptop"}}).WantRedirect(t, "/settings/account")
		b.Get(passkeys+"/"+id+"/remove").Want(t, http.StatusOK, "Work laptop", "without a second factor", "Acme</bdi> requires a second factor")
		s.AddMember(t, s.Workspace, "grace@acme.test")
		s.SignedIn(t, "grace@acme.test").Post(passkeys+"/"+id+"/remove", nil).Want(t, http.StatusNotFound)
		b.Post(passkeys+"/"+id+"/remove", nil).WantRedirect(t, "/settings/account")
		b.Get(passkeys+"/"+id+"/remove").Want(t, http.StatusNotFound)
		b.Get("/settings/account").WantWithout(t, "Work laptop")
		if log := s.Log.String(); strings.Contains(log, "clientDataJSON") {
			t.Error("the log contains the answer of a passkey")
		}
	})
}

// TestNoPasskeysWithoutDomain checks that nothing offers passkeys on a server at an IP address.
func TestNoPasskeysWithoutDomain(t *testing.T) {
	s := handlerstest.New(t)
	s.Browser(t).Get("/login").WantWithout(t, "passkey")
	s.Browser(t).Post("/login/passkey/options", nil).Want(t, http.StatusUnprocessableEntity, "Passkeys don’t work")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Get("/settings/account").WantWithout(t, "passkeys")
	b.Get("/settings/account/second-factor").WantWithout(t, "add a passkey")
	b.Get("/settings/account/passkeys").Want(t, http.StatusOK, "Passkeys don’t work at the address of this server")
	s.AddPasskeyOf(t, s.Admin.UserID, "From before")
	b.Get("/settings/account").Want(t, http.StatusOK, "From before", "don’t work at the current address")
	s.Clock.Advance(models.ProofLife)
	b.Get("/settings/account/recovery-codes").Want(t, http.StatusOK)
	b.Post("/settings/account/recovery-codes", nil).Want(t, http.StatusForbidden, "Enter a code to continue", "Recovery code")
	second := s.Browser(t)
	second.Post("/login", adaSignsIn).WantRedirect(t, "/login/code?next=%2Fsettings%2Fmembers")
	second.Get("/login/code").Want(t, http.StatusOK, "Enter a recovery code", "Your passkeys don’t work")
}
