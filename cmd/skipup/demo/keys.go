package demo

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// key is an API key and its usage. Times are in days before now.
type key struct {
	name    string
	by      string // the email of its creator
	created float64
	expires float64 // days from creation to expiry, 0 for never
	scopes  scope.Set
	callers []caller
	uses    []use

	rateLimit int // requests per minute, 0 for the server's limit
	allowlist models.Allowlist

	deleted, paused float64 // 0 for never
	reason          usage.Rejection
	idle            float64 // last use, 0 if it is still in use
	replaces        string

	id         string
	createdAt  time.Time
	rejectedAt time.Time // when requests began to be rejected, zero if they are not
	secret     token.Secret
}

// caller is a client that uses a key.
type caller struct {
	address, agent string
	from, until    float64 // first and last use, 0 if unlimited
	outside        bool    // the allowlist of the key doesn't have the address
}

// use is one kind of request that the callers of a key send.
type use struct {
	route     string
	perHour   float64 // at the peak of its rhythm
	rhythm    rhythm
	status    int             // status class, 0 for 2xx
	rejection usage.Rejection // why requests are rejected, if they are
	from      float64         // 0 if unlimited
	until     float64
}

const (
	maya, tom, ines = "maya" + domain, "tom" + domain, "ines" + domain

	crmSync, bookingForm, uptime = "CRM sync", "Website booking form", "Uptime check"
	legacyImporter, portal       = "Legacy importer", "Partner portal"
	slack, contracts             = "Slack notifier", "CI contract tests"

	rotatedAgo = 6.0
	newAgent   = "crm-sync/4.0.1 (node 22.11)"
)

var (
	crmUses = []use{
		{route: "GET /meeting_requests", perHour: 96, rhythm: office},
		{route: "GET /meeting_requests/:id", perHour: 61, rhythm: office},
		{route: "PATCH /meeting_requests/:id", perHour: 17, rhythm: office},
		{route: "GET /workspace_members", perHour: 6, rhythm: steady},
		{route: "GET /meeting_requests/:id", perHour: 2, rhythm: office, status: 4},
	}
	crmCallers = []caller{
		{address: "203.0.113.21", agent: newAgent}, {address: "203.0.113.22", agent: newAgent},
		{address: "203.0.113.23", agent: newAgent}, {address: "203.0.113.24", agent: newAgent},
		{address: "198.51.100.140", agent: "crm-backfill/1.3"}, {address: "2001:db8:40::17", agent: "python-requests/2.32.3"},
	}
)

func keys() []key {
	read := func(s ...scope.Scope) scope.Set { return scope.Of(s...) }
	old, moved := make([]caller, len(crmCallers)), crmCallers[:4]
	copy(old, crmCallers)
	replacements := make([]caller, len(moved))
	for i, c := range moved {
		when := rotatedAgo - 0.8 - 1.1*float64(i)
		old[i].until, replacements[i] = when, caller{address: c.address, agent: c.agent, from: when}
	}
	return []key{
		{name: "Old Outlook add-in", by: ines, created: 432, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite), idle: 103,
			callers: []caller{{address: "198.51.100.201", agent: "OutlookAddin/1.9"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 4, rhythm: office}, {route: "POST /meeting_requests", perHour: 1, rhythm: office}}},
		{name: bookingForm, by: tom, created: 411, rateLimit: 90, scopes: read(scope.MeetingRequestsWrite),
			callers: []caller{{address: "203.0.113.80", agent: "booking-form/2.8 (+https://harbor.example)"}, {address: "203.0.113.81", agent: "booking-form/2.8 (+https://harbor.example)"}},
			uses: []use{{route: "POST /meeting_requests", perHour: 31, rhythm: evenings}, {route: "POST /meeting_requests", perHour: 2, rhythm: evenings, status: 4},
				{route: "POST /meeting_requests", perHour: 90, rhythm: steady, status: 4, rejection: usage.RejectedRateLimit, from: 11.2, until: 11.05}}},
		{name: uptime, by: tom, created: 398,
			callers: []caller{{address: "192.0.2.200", agent: "Pingdom.com_bot_version_1.4"}, {address: "192.0.2.201", agent: "Pingdom.com_bot_version_1.4"}},
			uses:    []use{{route: "GET /me", perHour: 30, rhythm: steady}}},
		{name: crmSync, by: maya, created: 312, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite, scope.MembersRead, scope.MembersWrite),
			callers: old, uses: crmUses},
		{name: legacyImporter, by: tom, created: 301, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite), deleted: 9.1, reason: usage.RejectedDeleted,
			callers: []caller{{address: "198.51.100.23", agent: "importer.pl/0.9 libwww-perl/6.67"}, {address: "198.51.100.24", agent: "curl/7.68.0"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 12, rhythm: steady}, {route: "POST /meeting_requests", perHour: 2, rhythm: office}}},
		{name: "Mobile app beta", by: maya, created: 222, expires: 210, scopes: read(scope.MeetingRequestsRead), idle: 15,
			callers: []caller{{address: "203.0.113.150", agent: "HarborApp/0.7 CFNetwork/1568.200.51 Darwin/24.1.0"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 9, rhythm: evenings}}},
		{name: "Data warehouse export", by: ines, created: 206, scopes: read(scope.MeetingRequestsRead, scope.MembersRead, scope.SeatsRead),
			allowlist: models.Allowlist{Mode: models.AllowlistEnforce, Networks: "192.0.2.128/27 2001:db8:40::/48"},
			callers:   []caller{{address: "192.0.2.140", agent: "airflow/2.10.2"}},
			uses: []use{{route: "GET /meeting_requests", perHour: 640, rhythm: nightly}, {route: "GET /workspace_members", perHour: 12, rhythm: nightly},
				{route: "GET /seats", perHour: 1.6, rhythm: nightly}}},
		{name: "HR onboarding", by: ines, created: 181, scopes: read(scope.MembersRead, scope.MembersWrite, scope.SeatsRead, scope.SeatsWrite),
			allowlist: models.Allowlist{Mode: models.AllowlistReportOnly, Networks: "198.51.100.64/28"},
			callers: []caller{{address: "198.51.100.77", agent: "Workday-Integration/36.1"}, {address: "198.51.100.78", agent: "Workday-Integration/36.1"},
				{address: "203.0.113.190", agent: "Workday-Integration/36.1", from: 12, outside: true}},
			uses: []use{{route: "GET /workspace_members", perHour: 3, rhythm: office}, {route: "GET /seats", perHour: 2, rhythm: office}, {route: "POST /seats", perHour: 0.08, rhythm: office}}},
		{name: slack, by: maya, created: 154, scopes: read(scope.MeetingRequestsRead, scope.WebhooksRead),
			callers: []caller{{address: "203.0.113.9", agent: "slack-notifier/1.12 (bun 1.1)"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 12, rhythm: steady}}},
		{name: portal, by: maya, created: 133, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite), paused: 1.7, reason: usage.RejectedPaused,
			callers: []caller{{address: "198.51.100.180", agent: "partner-portal/5.4 okhttp/4.12.0"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 7, rhythm: office}, {route: "POST /meeting_requests", perHour: 1.4, rhythm: office}}},
		{name: "Billing report", by: tom, created: 85.3, expires: 90, scopes: read(scope.MembersRead, scope.SeatsRead),
			callers: []caller{{address: "192.0.2.141", agent: "billing-report/1.0 (php 8.3)"}},
			uses:    []use{{route: "GET /seats", perHour: 6, rhythm: mornings}, {route: "GET /workspace_members", perHour: 18, rhythm: mornings}}},
		{name: "Zapier trial", by: tom, created: 73.5, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite, scope.MembersRead)},
		{name: "Grafana dashboards", by: maya, created: 61, scopes: read(scope.MeetingRequestsRead, scope.SeatsRead, scope.APIKeysRead),
			callers: []caller{{address: "192.0.2.160", agent: "Grafana/11.3.0"}},
			uses:    []use{{route: "GET /api_keys", perHour: 4, rhythm: steady}, {route: "GET /seats", perHour: 4, rhythm: steady}, {route: "GET /meeting_requests", perHour: 4, rhythm: steady}}},
		{name: "Load test", by: tom, created: 39.4, deleted: 20.2, idle: 21, scopes: read(scope.MeetingRequestsRead),
			callers: []caller{{address: "192.0.2.44", agent: "k6/0.54.0"}},
			uses:    []use{{route: "GET /meeting_requests", perHour: 88, rhythm: office}}},
		{name: "Terraform", by: tom, created: 27.6, expires: 365, scopes: read(scope.WebhooksRead, scope.WebhooksWrite, scope.APIKeysRead, scope.APIKeysWrite),
			callers: []caller{{address: "192.0.2.44", agent: "terraform-provider-skipup/0.4.0"}},
			uses:    []use{{route: "GET /webhook_endpoints", perHour: 0.3, rhythm: office}, {route: "GET /api_keys", perHour: 0.3, rhythm: office}}},
		{name: contracts, by: maya, created: 13.2, expires: 30, scopes: read(scope.MeetingRequestsRead, scope.MembersRead),
			callers: []caller{{address: "203.0.113.211", agent: "node"}, {address: "203.0.113.212", agent: "node"}},
			uses: []use{{route: "GET /meeting_requests", perHour: 14, rhythm: office}, {route: "GET /workspace_members", perHour: 9, rhythm: office},
				{route: "POST /meeting_requests", perHour: 3, rhythm: office, status: 4, rejection: usage.RejectedScope}}},
		{name: crmSync + replacement, by: maya, created: rotatedAgo, replaces: crmSync, scopes: read(scope.MeetingRequestsRead, scope.MeetingRequestsWrite, scope.MembersRead),
			callers: replacements, uses: crmUses},
	}
}

// replacement distinguishes the two keys of a rotation, which have the same name.
const replacement = " (replacement)"

func (h *history) addKeys() {
	for _, k := range keys() {
		h.keys[k.name] = &k
		h.at(k.created, func(ctx context.Context) error { return h.createKey(ctx, &k) })
		if k.deleted > 0 {
			h.at(k.deleted, func(ctx context.Context) error {
				gone, err := h.Store.DeleteAPIKey(h.byTom(ctx), h.workspace.ID, k.id, models.NoConfirmation)
				if err == nil {
					k.rejectedAt = *gone.DeletedAt
				}
				return err
			})
		}
		if k.paused > 0 {
			h.at(k.paused, func(ctx context.Context) error {
				k.rejectedAt = h.Clock.Now()
				_, err := h.Store.PauseAPIKey(h.byMaya(ctx), h.workspace.ID, k.id, k.rejectedAt.Add(days(7)))
				return err
			})
		}
	}
	h.at(14.1, h.remind)
	h.at(6.9, h.remind)
	h.at(0.2, h.remind)
}

func (h *history) remind(ctx context.Context) error {
	_, err := h.Store.RemindOfExpiry(models.WithActor(ctx, models.Actor{Type: models.ActorSystem}))
	return err
}

func (h *history) createKey(ctx context.Context, k *key) error {
	ctx = h.as(ctx, k.by)
	var (
		created *models.APIKey
		err     error
	)
	if k.replaces != "" {
		n := models.NewReplacement{Scopes: models.To(k.scopes)}
		created, k.secret, err = h.Store.RotateAPIKey(ctx, h.workspace.ID, h.keys[k.replaces].id, n)
	} else {
		n := models.NewAPIKey{Name: k.name, Scopes: k.scopes, RateLimit: k.rateLimit, Allowlist: k.allowlist}
		if k.expires > 0 {
			until := h.Clock.Now().Add(days(k.expires))
			n.ExpiresAt = &until
		}
		created, k.secret, err = h.Store.CreateAPIKey(ctx, h.workspace.ID, n)
	}
	if err != nil {
		return err
	}
	k.id, k.createdAt = created.ID, created.CreatedAt
	return nil
}

// asKey returns a context in which the key's first caller acts.
func (h *history) asKey(ctx context.Context, name string) context.Context {
	k := h.keys[name]
	c := k.callers[0]
	return models.WithActor(ctx, models.Actor{Type: models.ActorAPIKey, ID: k.id, Address: c.address, UserAgent: c.agent})
}
