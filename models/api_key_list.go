package models

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
)

// APIKeyState selects keys in the API.
type APIKeyState string

// The states of keys. Those that aren't here are the same as a KeyStatus.
const (
	StateActive APIKeyState = "active" // requests are accepted, even if the key expires soon
	StateAll    APIKeyState = "all"
)

// APIKeyStates are all states.
var APIKeyStates = []APIKeyState{StateActive, APIKeyState(KeyPaused), APIKeyState(KeyExpired), APIKeyState(KeyDeleted), StateAll}

// APIKeysInState returns the keys of a workspace in a state, newest first.
func (s *Store) APIKeysInState(ctx context.Context, workspaceID string, state APIKeyState, page Page) (Paged[APIKey], error) {
	list := listing{"api_keys", workspaceID}
	query := s.with(ctx).Where("workspace_id = ?", workspaceID)
	switch state {
	case StateAll:
	case StateActive:
		query = query.Where("deleted_at IS NULL AND (expires_at IS NULL OR expires_at > ?) AND (paused_until IS NULL OR paused_until <= ?)", s.now(), s.now())
	default:
		query = query.Where(statusSQL+" = @status", statusArgs(s.now()), sql.Named("status", storable(string(state))))
	}
	query, err := list.after(query, "id", &page)
	if err != nil {
		return Paged[APIKey]{}, err
	}
	var keys []APIKey
	if err := query.Find(&keys).Error; err != nil {
		return Paged[APIKey]{}, fmt.Errorf("read API keys: %w", err)
	}
	return paged(list, page, keys, func(k *APIKey) string { return k.ID }), nil
}

// APIKeyFilter selects and orders the keys of the dashboard's list.
type APIKeyFilter struct {
	Search      string       // part of the name, the description, the environment, the prefix, or the owner's name, ignoring case; the owner's email; or an ID
	Status      KeyStatus    // empty for all but deleted keys, or for all with the finding, the ID, or the whole prefix
	Finding     Finding      // empty for any
	Scope       *scope.Scope // nil for any
	Environment string       // empty for any
	Owner       string       // ID of the member who owns them, or NoOwner; empty for any
	Sort        APIKeySort   // empty for SortCreated
	Ascending   bool
	PageNumber  int // from 1
	PageSize    int
}

// NoOwner selects keys without an owner.
const NoOwner = "none"

// APIKeySort is a column that the dashboard's list can be sorted by.
type APIKeySort string

// The columns to sort by.
const (
	SortCreated  APIKeySort = "created"
	SortName     APIKeySort = "name"
	SortLastUsed APIKeySort = "last_used"
	SortExpires  APIKeySort = "expires"
)

// orders maps each column to SQL expressions. Keys without a value come last in both directions.
var orders = map[APIKeySort]struct{ missing, column string }{
	SortCreated:  {"", "id"},
	SortName:     {"", "lower(name)"},
	SortLastUsed: {"last_used_at IS NULL", "last_used_at"},
	SortExpires:  {"expires_at IS NULL", "expires_at"},
}

// APIKeyList is one page of the dashboard's list.
type APIKeyList struct {
	Keys     []APIKey
	Matching int64               // keys that match the filter, on all pages
	Counts   map[KeyStatus]int64 // keys of the workspace by status
}

// APIKeys returns a page of a workspace's keys for the dashboard.
func (s *Store) APIKeys(ctx context.Context, workspaceID string, filter APIKeyFilter) (APIKeyList, error) {
	var list APIKeyList
	now := s.now()
	counts, err := s.countAPIKeys(ctx, workspaceID, now)
	if err != nil {
		return list, err
	}
	list.Counts = counts
	found, err := s.findings(ctx, workspaceID, filter.Finding, now)
	if err != nil {
		return list, err
	}
	matching := func() *gorm.DB {
		return s.with(ctx).Model(&APIKey{}).Where("workspace_id = ?", workspaceID).Scopes(found, filter.where(workspaceID, now))
	}
	if err := matching().Count(&list.Matching).Error; err != nil {
		return list, fmt.Errorf("count API keys: %w", err)
	}
	if int64(filter.PageNumber-1) > list.Matching/int64(max(filter.PageSize, 1)) {
		return list, nil // past the last page; computing the offset could overflow
	}
	page := matching().Scopes(filter.order).Offset((filter.PageNumber - 1) * filter.PageSize).Limit(filter.PageSize)
	if err := page.Find(&list.Keys).Error; err != nil {
		return list, fmt.Errorf("read API keys: %w", err)
	}
	return list, nil
}

func (f APIKeyFilter) where(workspaceID string, now time.Time) func(*gorm.DB) *gorm.DB {
	return func(query *gorm.DB) *gorm.DB {
		switch {
		case f.Status == "" && f.Finding == "":
			query = query.Where("(deleted_at IS NULL OR id = @search OR key_prefix = @search)", sql.Named("search", storable(f.Search)))
		case f.Status != "":
			query = query.Where(statusSQL+" = @status", statusArgs(now), sql.Named("status", storable(string(f.Status))))
		}
		if f.Search != "" {
			condition := gorm.Expr("(id = ? OR ?)", storable(f.Search), matchesKey(query, f.Search))
			if len(f.Search) >= minPart {
				condition = gorm.Expr("(? OR owner_id IN (?))", condition, ownedByPerson(query, workspaceID, f.Search))
			}
			query = query.Where(condition)
		}
		if f.Scope != nil {
			query = query.Where(hasScopeSQL("scopes", *f.Scope))
		}
		if f.Environment != "" {
			query = query.Where("environment = ?", storable(f.Environment))
		}
		switch f.Owner {
		case "":
		case NoOwner:
			query = query.Where("owner_id IS NULL")
		default:
			query = query.Where("owner_id = ?", storable(f.Owner))
		}
		return query
	}
}

// hasScopeSQL returns the condition that a column of scopes has s.
func hasScopeSQL(column string, s scope.Scope) string {
	return "' ' || " + column + " || ' ' LIKE '% " + s.String() + " %'"
}

// maxEnvironments limits the environments that EnvironmentsInUse returns.
const maxEnvironments = 100

// EnvironmentsInUse returns the environments of the keys of a workspace that aren't deleted, in order.
func (s *Store) EnvironmentsInUse(ctx context.Context, workspaceID string) ([]string, error) {
	var environments []string
	err := s.with(ctx).Model(&APIKey{}).Distinct("environment").
		Where("workspace_id = ? AND deleted_at IS NULL AND environment <> ''", workspaceID).
		Order("environment").Limit(maxEnvironments).Pluck("environment", &environments).Error
	if err != nil {
		return nil, fmt.Errorf("read environments of API keys: %w", err)
	}
	return environments, nil
}

// statusSQL is StatusAt in SQL, with the arguments statusArgs.
const statusSQL = `CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN expires_at <= @now THEN 'expired' ` +
	`WHEN paused_until > @now THEN 'paused' WHEN expires_at <= @soon THEN 'expires_soon' ELSE 'active' END`

func statusArgs(now time.Time) map[string]any {
	return map[string]any{"now": now, "soon": now.Add(ExpiresSoon)}
}

func (f APIKeyFilter) order(query *gorm.DB) *gorm.DB {
	by, known := orders[f.Sort]
	if !known {
		by = orders[SortCreated]
	}
	direction := " DESC"
	if f.Ascending {
		direction = ""
	}
	if by.missing != "" {
		query = query.Order(by.missing)
	}
	return query.Order(by.column + direction).Order("id" + direction)
}

func (s *Store) countAPIKeys(ctx context.Context, workspaceID string, now time.Time) (map[KeyStatus]int64, error) {
	var rows []struct {
		Status KeyStatus
		Keys   int64
	}
	err := s.with(ctx).Raw("SELECT status, count(*) AS keys FROM (SELECT "+statusSQL+" AS status FROM api_keys WHERE workspace_id = @workspace) AS statuses GROUP BY status",
		statusArgs(now), sql.Named("workspace", workspaceID)).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count API keys by status: %w", err)
	}
	counts := make(map[KeyStatus]int64, len(rows))
	for _, row := range rows {
		counts[row.Status] = row.Keys
	}
	return counts, nil
}
