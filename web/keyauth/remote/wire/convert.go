package wire

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// ChangesOf returns changes as they are sent.
func ChangesOf(changes models.KeyChanges, at time.Time) ChangesResponse {
	response := ChangesResponse{
		State: State(changes.State), Acknowledged: changes.Acknowledged, LeaseMS: changes.Lease.Milliseconds(),
		Keys: make([]ShortKey, len(changes.Digests)), All: changes.All, Time: at,
	}
	for i, digest := range changes.Digests {
		response.Keys[i] = ShortKey(digest[:len(ShortKey{})])
	}
	return response
}

// Changes returns the changes. Only the first half of each digest is set.
func (r ChangesResponse) Changes() models.KeyChanges {
	changes := models.KeyChanges{
		State: models.KeyState(r.State), Acknowledged: r.Acknowledged, Lease: time.Duration(r.LeaseMS) * time.Millisecond,
		Digests: make([]token.Digest, len(r.Keys)), All: r.All, DatabaseTime: r.Time,
	}
	for i, key := range r.Keys {
		copy(changes.Digests[i][:], key[:])
	}
	return changes
}

// MarshalText encodes the half of a digest in hexadecimal.
func (k ShortKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText decodes what MarshalText encoded.
func (k *ShortKey) UnmarshalText(text []byte) error { return decodeHex(k[:], string(text)) }

// DigestOf returns the digest in a LookUpRequest.
func DigestOf(text string) (digest token.Digest, err error) {
	return digest, decodeHex(digest[:], text)
}

func decodeHex(into []byte, text string) error {
	decoded, err := hex.DecodeString(text)
	if err != nil || len(decoded) != len(into) {
		return fmt.Errorf("%d bytes in hexadecimal are needed", len(into))
	}
	copy(into, decoded)
	return nil
}

// ScopesOf returns a catalog as it is sent.
func ScopesOf(catalog *scope.Catalog, id string) *Scopes {
	scopes := &Scopes{ID: id, Custom: []Scope{}}
	for _, resource := range catalog.Custom() {
		for _, d := range resource.Scopes {
			scopes.Custom = append(scopes.Custom, Scope{Number: int(d.Scope), Name: d.Name, Status: string(d.Status)})
		}
	}
	return scopes
}

// Catalog returns the catalog. It has only what verification needs. It returns an error if a number is out of
// range.
func (s *Scopes) Catalog() (*scope.Catalog, error) {
	custom := scope.Resource{Name: "custom"}
	for _, each := range s.Custom {
		if each.Number < int(scope.FirstCustom) || each.Number >= scope.Max {
			return nil, fmt.Errorf("scope %q has the number %d", each.Name, each.Number)
		}
		custom.Scopes = append(custom.Scopes, scope.Definition{Scope: scope.Scope(each.Number), Name: each.Name, Status: scope.Status(each.Status)})
	}
	return scope.New([]scope.Resource{custom}, false), nil
}

// KeyOf returns what a node needs to know of a key that Store.APIKeyByDigest returned.
func KeyOf(row *models.APIKey) *Key {
	allowlist := row.EffectiveAllowlist()
	return &Key{
		ID: row.ID, WorkspaceID: row.WorkspaceID, Scopes: row.Scopes.String(), ExpiresAt: row.ExpiresAt, RateLimit: row.RateLimit,
		PausedUntil: row.PausedUntil, DeletedAt: row.DeletedAt, ChangedEpoch: row.ChangedEpoch,
		Allowlist: Allowlist{string(allowlist.Mode), allowlist.Networks},
	}
}

// APIKey returns a row with what is known of the key.
func (k *Key) APIKey() (*models.APIKey, error) {
	row := &models.APIKey{
		ID: k.ID, WorkspaceID: k.WorkspaceID, ExpiresAt: k.ExpiresAt, RateLimit: k.RateLimit,
		PausedUntil: k.PausedUntil, DeletedAt: k.DeletedAt, ChangedEpoch: k.ChangedEpoch,
		Allowlist: models.Allowlist{Mode: models.AllowlistMode(k.Allowlist.Mode), Networks: k.Allowlist.Networks},
	}
	return row, row.Scopes.Scan(k.Scopes)
}

// UsageOf returns counts as they are sent.
func UsageOf(counts usage.Counts) UsageRequest {
	request := UsageRequest{ID: counts.ID, Rows: make([]Count, len(counts.Rows))}
	for i, c := range counts.Rows {
		request.Rows[i] = Count{
			KeyID: c.APIKeyID, Route: c.Route, Scope: c.Scope, StatusClass: c.StatusClass, Rejection: string(c.Rejection), Requests: c.Requests, Outside: c.Outside,
			First: c.First, Last: c.Last, Address: c.Caller.Address, UserAgent: c.Caller.UserAgent, Rest: c.Caller.Rest,
		}
	}
	return request
}

// Counts returns the counts, without the workspaces of the keys.
func (r UsageRequest) Counts() usage.Counts {
	counts := usage.Counts{ID: r.ID, Rows: make([]usage.Count, len(r.Rows))}
	for i, c := range r.Rows {
		counts.Rows[i] = usage.Count{
			APIKeyID: c.KeyID, StartsAt: usage.Hourly.Start(c.First), Route: c.Route, Scope: c.Scope, StatusClass: c.StatusClass,
			Rejection: usage.Rejection(c.Rejection), Requests: c.Requests, Outside: c.Outside, First: c.First, Last: c.Last,
			Caller: usage.Caller{Address: c.Address, UserAgent: c.UserAgent, Rest: c.Rest},
		}
	}
	return counts
}
