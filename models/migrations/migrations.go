// Package migrations contains the schema migrations of each database system. There are no down
// migrations. The SQL of a released migration never changes. Both the code before and the code after
// a migration must run on the resulting schema, so that nodes can be upgraded one by one.
package migrations

import "embed"

// FS contains the migrations in the folders "sqlite" and "postgres".
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS
