package models

import (
	"context"
	"fmt"
)

// connectionLimits are how many connections PostgreSQL allows. Negative limits don't exist.
type connectionLimits struct{ Server, Database, Role int }

func (s *Store) connectionLimits(ctx context.Context) (limits connectionLimits, err error) {
	// PostgreSQL 16 added reserved_connections.
	err = s.with(ctx).Raw(`SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
			- coalesce(current_setting('reserved_connections', true), '0')::int AS server,
			datconnlimit AS database, rolconnlimit AS role
		FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user`).Scan(&limits).Error
	return limits, err
}

// least returns the limit that is reached first, and what raises it.
func (l connectionLimits) least() (limit int, remedy string) {
	limit, remedy = l.Server, "raise max_connections of PostgreSQL"
	if l.Database >= 0 && l.Database < limit {
		limit, remedy = l.Database, "raise the CONNECTION LIMIT of the database"
	}
	if l.Role >= 0 && l.Role < limit {
		limit, remedy = l.Role, "raise the CONNECTION LIMIT of the user"
	}
	return limit, remedy
}

// diagnoseConnections checks that PostgreSQL allows as many connections as the registered nodes may open, if all
// of them have the settings of this one.
func (s *Store) diagnoseConnections(ctx context.Context) Diagnosis {
	const check = "connections"
	if s.UsesPooler() {
		return Diagnosis{Check: check, Level: LevelOK, Message: "The database URL leads to a connection pooler, so this program uses no prepared statements and no notifications."}
	}
	limits, err := s.connectionLimits(ctx)
	if err != nil {
		return failed(check, err)
	}
	var servers int64
	if err := s.with(ctx).Model(&Node{}).Where("token_id = ''").Count(&servers).Error; err != nil {
		return failed(check, err)
	}
	nodes := max(1, int(servers)) // the node that is about to start
	limit, raise := limits.least()
	fit := limit / s.connections
	if fit >= nodes {
		return Diagnosis{Check: check, Level: LevelOK, Message: fmt.Sprintf("PostgreSQL allows %d connections, enough for %d nodes with up to %d each. Registered nodes: %d.", limit, fit, s.connections, servers)}
	}
	remedy := fmt.Sprintf("On each node, set SKIPUP_DATABASE_CONNECTIONS to at most %d, or %s.", limit/nodes, raise)
	if limit/nodes < MinConnections {
		remedy = fmt.Sprintf("Run fewer nodes, or %s.", raise)
	}
	return Diagnosis{check, LevelWarning, fmt.Sprintf("PostgreSQL allows %d connections, but %d nodes open up to %d each.", limit, nodes, s.connections), remedy}
}
