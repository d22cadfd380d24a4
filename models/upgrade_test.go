package models_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"
	"gorm.io/gorm/schema"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// TestUpgrade applies the migrations one by one. At each version with a file in testdata/upgrade, it inserts the
// rows in it, as a program of that version wrote them. All later migrations then change them. At the end, the
// rows must mean the same as before.
func TestUpgrade(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := upgraded{modelstest.Unmigrated(t, address(t))}
			s.insertEarlierRows(t)
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.FinishUpgrade(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.checkTables(t)
			for _, check := range []struct {
				of  string
				run func(*testing.T)
			}{
				{"audit log", s.checkAuditLog}, {"keys", s.checkKeys}, {"usage", s.checkUsage}, {"members", s.checkMembers}, {"workspaces", s.checkWorkspaces},
				{"webhooks", s.checkWebhooks}, {"API", s.checkAPI}, {"notifications", s.checkNotifications}, {"sign-in", s.checkSignIn}, {"changes", s.checkChanges},
			} {
				t.Run(check.of, check.run)
			}
		})
	}
}

// upgraded is a Store with the rows of earlier versions.
type upgraded struct{ *modelstest.Store }

// The rows that are checked below.
const (
	acmeID    = "ws_00000000000000000000000001"
	sandboxID = "ws_00000000000000000000000002"
	adaID     = "usr_00000000000000000000000001"
	doraID    = "usr_00000000000000000000000004"
)

func upgradedID(prefix string, n int) string { return fmt.Sprintf("%s_%026d", prefix, n) }

func (s upgraded) insertEarlierRows(t *testing.T) {
	t.Helper()
	files, err := fs.Glob(os.DirFS("testdata/upgrade"), "*.sql") // in the order of their names
	if err != nil || len(files) == 0 {
		t.Fatalf("files = %v, error = %v; want some", files, err)
	}
	for _, file := range files {
		version, err := strconv.ParseInt(strings.TrimSuffix(file, ".sql"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.MigrateTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		rows, err := os.ReadFile(path.Join("testdata/upgrade", file))
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, s.inDialect(string(rows)))
	}
}

var (
	sha256Call = regexp.MustCompile(`sha256\('([^']*)'\)`)
	hexLiteral = regexp.MustCompile(`x'([0-9a-f]*)'`)
	timestamp  = regexp.MustCompile(`'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})'`)
)

// inDialect returns statements as the database understands them. In the files, sha256 takes a text, and bytes and
// times are written as for SQLite.
func (s upgraded) inDialect(statements string) string {
	statements = sha256Call.ReplaceAllStringFunc(statements, func(call string) string {
		return fmt.Sprintf("x'%x'", sha256.Sum256([]byte(sha256Call.FindStringSubmatch(call)[1])))
	})
	if s.DB().Name() == "postgres" {
		statements = hexLiteral.ReplaceAllString(statements, `'\x$1'`)
		statements = timestamp.ReplaceAllString(statements, `'${1}Z'`)
	}
	return statements
}

// checkTables fails the test if a table has no rows that the migrations could have changed.
func (s upgraded) checkTables(t *testing.T) {
	t.Helper()
	for _, row := range models.Rows {
		parsed, err := schema.Parse(row, &sync.Map{}, s.DB().NamingStrategy)
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		if err := s.DB().Table(parsed.Table).Count(&rows).Error; err != nil {
			t.Fatal(err)
		}
		if rows == 0 && parsed.Table != "nodes" { // a restart adds them again
			t.Errorf("the table %s is empty; add rows to a file in testdata/upgrade", parsed.Table)
		}
	}
}

func (s upgraded) checkAuditLog(t *testing.T) {
	found, err := s.VerifyAudit(t.Context(), acmeID, nil, nil)
	if err != nil || !found.Intact() {
		t.Fatalf("audit log: %+v, error = %v", found, err)
	}
	modelstest.Equal(t, "events", found.Chains[0].Events, 3)
	modelstest.Equal(t, "hash of the last event", found.Chains[0].Head, "2e52e070a2cf627ba50108c523307d0253710120c4dd3c64b7f88be026589589")
	page, err := s.AuditEvents(t.Context(), acmeID, models.AuditFilter{}, models.Page{})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("events = %+v, error = %v", page.Items, err)
	}
	if diff := cmp.Diff(map[string]string{"from": "Jenkins", "to": "CI"}, page.Items[0].Details); diff != "" {
		t.Errorf("details of the last event (-want +got):\n%s", diff)
	}
}

// upgradedKey is what a program can do with a key.
type upgradedKey struct {
	WorkspaceID, ID string
	Status          models.KeyStatus
	Scopes          scope.Set
}

func (s upgraded) checkKeys(t *testing.T) {
	for text, want := range map[string]upgradedKey{
		"sk_live_CI00000000000000000000000000001V383u": {acmeID, upgradedID("key", 1), models.KeyActive, scope.Of(scope.SeatsRead, scope.MembersWrite)},
		"sk_live_Deleted000000000000000000000000hMwag": {acmeID, upgradedID("key", 2), models.KeyDeleted, scope.Of(scope.SeatsRead)},
		"sk_live_Expired000000000000000000000002WmOOo": {acmeID, upgradedID("key", 3), models.KeyExpired, scope.Of()},
		"sk_live_Deploy0000000000000000000000000jan0G": {acmeID, upgradedID("key", 4), models.KeyActive, scope.Of(scope.SeatsRead, scope.SeatsWrite)},
		"sk_live_DeployNew00000000000000000000043RuYm": {acmeID, upgradedID("key", 5), models.KeyActive, scope.Of(scope.SeatsRead)},
		"sk_live_Paused00000000000000000000000043849A": {acmeID, upgradedID("key", 6), models.KeyPaused, scope.Of(scope.SeatsRead)},
		"sk_live_Nightly000000000000000000000002fXSvb": {acmeID, upgradedID("key", 7), models.KeyActive, scope.Of(scope.SeatsRead)},
		"sk_live_Scheduled0000000000000000000004TfLNQ": {acmeID, upgradedID("key", 8), models.KeyPaused, scope.Of(scope.SeatsRead)},
		"sk_live_Orders0000000000000000000000000ZVqwP": {acmeID, upgradedID("key", 9), models.KeyActive, scope.Of(10, 11)},
		"sk_test_SandboxA000000000000000000000036qoMP": {sandboxID, upgradedID("key", 20), models.KeyActive, scope.Of(scope.SeatsRead)},
	} {
		digest, err := token.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		key, err := s.APIKeyByDigest(t.Context(), digest)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, upgradedKey{key.WorkspaceID, key.ID, key.StatusAt(s.Now()), key.Scopes}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	deleted := s.upgradedKey(t, 2)
	if deleted.DeletionEffectiveAt == nil || !deleted.DeletionEffectiveAt.Equal(*deleted.DeletedAt) {
		t.Errorf("deletion took effect at %v, want %v", deleted.DeletionEffectiveAt, deleted.DeletedAt)
	}
	history, err := s.RotationHistory(t.Context(), s.upgradedKey(t, 5))
	if err != nil || len(history) != 2 || history[0].ReplacementID == nil || *history[0].ReplacementID != history[1].ID {
		t.Errorf("rotation history = %+v, error = %v", history, err)
	}
	modelstest.Equal(t, "description", s.upgradedKey(t, 7).Description, "Exports orders at night.")
	scheduled := s.upgradedKey(t, 8)
	modelstest.Equal(t, "environment", scheduled.Environment, "production")
	modelstest.Equal(t, "scheduled for deletion", scheduled.IsScheduledForDeletion(), true)
	limited := s.upgradedKey(t, 9)
	modelstest.Equal(t, "rate limit", limited.RateLimit, 600)
	modelstest.Equal(t, "allowlist", limited.Allowlist, models.Allowlist{Mode: models.AllowlistEnforce, Networks: "192.0.2.0/24 2001:db8::/32"})
	modelstest.Equal(t, "allowlist of an earlier key", deleted.Allowlist, models.Allowlist{})
	modelstest.Equal(t, "owner of a key of a member", s.upgradedKey(t, 1).OwnerID, new(upgradedID("mem", 1)))
}

func (s upgraded) upgradedKey(t *testing.T, n int) *models.APIKey {
	t.Helper()
	key, err := s.APIKeyByID(t.Context(), upgradedID("key", n))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s upgraded) checkUsage(t *testing.T) {
	key := s.upgradedKey(t, 1)
	modelstest.Equal(t, "scopes used", key.NeededScopes, scope.Of(scope.SeatsRead, scope.MembersWrite))
	for by, want := range map[usage.Period]int64{usage.Daily: 137, usage.Hourly: 37} {
		counts, err := s.Usage(t.Context(), acmeID, key.ID, by, key.CreatedAt, s.Now())
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		for _, count := range counts {
			got += count.Requests
		}
		modelstest.Equal(t, fmt.Sprint("requests by ", time.Duration(by)), got, want)
	}
	routes, err := s.RouteUses(t.Context(), acmeID, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Date(2026, time.March, 12, 10, 0, 0, 0, time.UTC)
	use := func(route string, rejection usage.Rejection, scope string, requests int64, first time.Time) models.APIKeyRouteUse {
		return models.APIKeyRouteUse{APIKeyID: key.ID, WorkspaceID: acmeID, Route: route, Rejection: rejection, Scope: scope, Requests: requests, FirstAt: first, LastAt: hour}
	}
	if diff := cmp.Diff([]models.APIKeyRouteUse{
		use("GET /seats", usage.Accepted, "seats.read", 130, time.Date(2025, time.December, 1, 0, 0, 0, 0, time.UTC)),
		use("POST /seats", usage.RejectedScope, "seats.write", 5, hour.Truncate(24*time.Hour)),
		use("POST /workspace_members", usage.Accepted, "members.write", 2, hour.Truncate(24*time.Hour)),
	}, routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	callers, err := s.CallersOf(t.Context(), acmeID, key.ID)
	if err != nil || len(callers) != 2 {
		t.Fatalf("callers = %+v, error = %v; want 2", callers, err)
	}
	modelstest.Equal(t, "caller", callers[0].Caller(), usage.Caller{Address: "192.0.2.1", UserAgent: "curl/8"})
	modelstest.Equal(t, "rejected requests of the caller", callers[0].Rejected, 5)
	modelstest.Equal(t, "other callers", callers[1].IsOthers(), true)
	outside, err := s.Usage(t.Context(), acmeID, upgradedID("key", 9), usage.Daily, key.CreatedAt, s.Now())
	if err != nil || len(outside) != 1 {
		t.Fatalf("counts = %+v, error = %v; want 1", outside, err)
	}
	modelstest.Equal(t, "requests from outside the allowlist", outside[0].Outside, 4)
}

func (s upgraded) checkMembers(t *testing.T) {
	type member struct {
		Email, Name, InvitedName string
		Role                     models.Role
		Pending, Deactivated     bool
	}
	for n, want := range map[int]member{
		1: {"ada@xn--bcher-kva.example", "Ada", "", models.Admin, false, false},
		2: {"bob@acme.example", "", "Bob", models.Viewer, true, false},
		3: {"cleo@acme.example", "Cleo", "", models.Viewer, false, true},
		4: {"dora@acme.example", "Dora", "", models.KeyManager, false, false},
	} {
		m, err := s.Member(t.Context(), acmeID, upgradedID("mem", n))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, member{m.User.Email, m.User.Name, m.InvitedName, m.Role, m.Pending, m.DeactivatedAt != nil}); diff != "" {
			t.Errorf("member %d (-want +got):\n%s", n, diff)
		}
	}
	invited, err := s.Invitation(t.Context(), "invitation of Bob")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "invited member", invited.Member.ID, upgradedID("mem", 2))
	modelstest.Equal(t, "invitation was emailed", invited.Emailed, true)
	seats, err := s.SeatUsage(t.Context(), acmeID)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "seats", seats, models.SeatUsage{Capacity: 7, Used: 1})
}

func (s upgraded) checkWorkspaces(t *testing.T) {
	workspaces, err := s.Workspaces(t.Context())
	if err != nil || len(workspaces) != 2 {
		t.Fatalf("workspaces = %+v, error = %v; want 2", workspaces, err)
	}
	modelstest.Equal(t, "mode of a workspace with live keys", workspaces[0].Mode, token.Live)
	modelstest.Equal(t, "mode of a workspace with test keys", workspaces[1].Mode, token.Test)
	want := models.DefaultKeyPolicy
	if diff := cmp.Diff(want, workspaces[1].KeyPolicy); diff != "" {
		t.Errorf("policy (-default +got):\n%s", diff)
	}
	since := time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)
	want.ExpiryRequired, want.MaxDays, want.DefaultDays, want.Since, want.ReviewIdleDays = true, 90, 30, &since, 45
	want.Allowlist = models.Allowlist{Mode: models.AllowlistReportOnly, Networks: "198.51.100.0/24"}
	if diff := cmp.Diff(want, workspaces[0].KeyPolicy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	modelstest.Equal(t, "names of custom scopes", s.Scopes().Names(scope.Of(10, 11)), []string{"orders.read", "orders.write"})
	request, err := s.MeetingRequest(t.Context(), acmeID, upgradedID("mr", 1))
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "participants of a meeting request", len(request.Participants), 1)
}

func (s upgraded) checkWebhooks(t *testing.T) {
	request, err := s.WebhookRequest(t.Context(), acmeID, upgradedID("whe", 1), upgradedID("whd", 1))
	if err != nil {
		t.Fatal(err)
	}
	if len(request.Secrets) != 1 || request.Secrets[0].Reveal() != "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" {
		t.Errorf("%d secrets, want the one of the endpoint", len(request.Secrets))
	}
	modelstest.Contains(t, "body", string(request.Body), `"id":"`+upgradedID("mem", 2)+`"`)
	delivery, err := s.WebhookDelivery(t.Context(), acmeID, upgradedID("whe", 1), upgradedID("whd", 1))
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "status of the delivery", delivery.Status, models.DeliverySuccess)
	modelstest.Equal(t, "event is an example", delivery.Event.Test, false)
}

func (s upgraded) checkAPI(t *testing.T) {
	fingerprint := sha256.Sum256([]byte("POST /seats"))
	response, err := s.Once(t.Context(), models.IdempotentRequest{APIKeyID: upgradedID("key", 1), Key: "order-1", Fingerprint: fingerprint[:]}, func(*models.Store) (models.IdempotentResponse, error) {
		t.Error("a request with a used Idempotency-Key is handled again")
		return models.IdempotentResponse{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(models.IdempotentResponse{Status: 201, Body: []byte("{}"), Replayed: true}, response); diff != "" {
		t.Errorf("stored response (-want +got):\n%s", diff)
	}
	credential, err := s.NodeTokenByDigest(t.Context(), sha256.Sum256([]byte("credential of nodes")))
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "name of the credential", credential.Name, "edge")
}

func (s upgraded) checkSignIn(t *testing.T) {
	session, err := s.Session(t.Context(), "session of Ada")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "session has an identity", session.IsProvided(), false)
	provided, err := s.Session(t.Context(), "session of Dora")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "session of single sign-on has an identity", provided.IsProvided(), true)
	failed, err := s.FailedSignIns(t.Context(), acmeID, models.Page{})
	if err != nil || len(failed.Items) != 1 || failed.Items[0].Attempts != 3 {
		t.Errorf("failed sign-ins = %+v, error = %v; want one row with 3 attempts", failed.Items, err)
	}
	if link, err := s.ResetLink(t.Context(), "reset link of Dora"); err != nil || link.User.ID != doraID {
		t.Errorf("reset link = %+v, error = %v", link, err)
	}
	if passkey, err := s.Passkey(t.Context(), doraID, upgradedID("pky", 1)); err != nil || passkey.Name != "Phone" {
		t.Errorf("passkey = %+v, error = %v", passkey, err)
	}
	code, err := totp.GenerateCode("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", s.Now())
	if err != nil {
		t.Fatal(err)
	}
	for of, signIn := range map[string]func(context.Context) (*models.SignedIn, error){
		adaID: func(ctx context.Context) (*models.SignedIn, error) {
			return s.SignIn(ctx, "", models.Credentials{Email: "Ada@Bücher.example", Password: modelstest.Password})
		},
		doraID: func(ctx context.Context) (*models.SignedIn, error) {
			return s.SignInWithCode(ctx, "", "pending sign-in of Dora", "", code)
		},
	} {
		if in, err := signIn(t.Context()); err != nil || in.User.ID != of || in.SessionID == "" {
			t.Errorf("sign-in of %s = %+v, error = %v", of, in, err)
		}
	}
	in, err := s.SignInWithProvider(t.Context(), "", "", models.ProviderIdentity{Issuer: "https://id.acme.example", Subject: "dora-4711", SecondFactor: true})
	if err != nil || in.User.ID != doraID {
		t.Errorf("sign-in with a provider = %+v, error = %v", in, err)
	}
	state, err := s.SecondFactorOf(t.Context(), doraID)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "recovery codes", state.RecoveryCodes, 2)
}

func (s upgraded) checkNotifications(t *testing.T) {
	member, err := s.Member(t.Context(), acmeID, upgradedID("mem", 4))
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Notifications(t.Context(), member, models.Page{})
	if err != nil {
		t.Fatal(err)
	}
	read, networks := map[string]bool{}, map[string]string{}
	for _, n := range page.Items {
		read[n.KeyName], networks[n.KeyName] = n.IsRead, n.Networks
	}
	modelstest.Equal(t, "networks in notifications", networks, map[string]string{"Orders": "192.0.2.7", "Old CI": ""})
	modelstest.Equal(t, "notified about new callers", s.upgradedKey(t, 9).NotifiesOfNewCallers(), true)
	notified, err := s.NotifyOfNewCallers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "keys with new callers", notified, 1)
	modelstest.Equal(t, "read notifications", read, map[string]bool{"Orders": true, "Old CI": false})
	modelstest.Equal(t, "muted emails", member.User.MutedEmails, "key_expiring")
}

// checkChanges changes the rows, because a program that can only read them is of little use.
func (s upgraded) checkChanges(t *testing.T) {
	lease, err := s.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "upgrading", lease.Upgrading, false)
	modelstest.Equal(t, "epoch", lease.Epoch, 41)
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: upgradedID("mem", 1), Name: "Ada", Role: models.Admin})
	if _, err := s.DeleteAPIKey(ctx, acmeID, upgradedID("key", 7), models.NoConfirmation); err != nil {
		t.Errorf("delete a key of an earlier version: %v", err)
	}
	if _, _, err := s.CreateAPIKey(ctx, acmeID, models.NewAPIKey{Name: "New", DefaultExpiry: true}); err != nil {
		t.Errorf("create a key: %v", err)
	}
	if found, err := s.VerifyAudit(t.Context(), "", []string{"2e52e070a2cf627ba50108c523307d0253710120c4dd3c64b7f88be026589589"}, nil); err != nil || !found.Intact() {
		t.Errorf("audit log after changes: %+v, error = %v", found, err)
	}
}
