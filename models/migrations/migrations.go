// Package migrations holds the schema as versioned steps, forward only, in a folder for each
// database. A step that has been released is never edited: the code before it and the code
// after it must both run on the schema that it leaves, so that nodes can be replaced one by one.
package migrations

import "embed"

// FS holds the steps under "sqlite" and "postgres".
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS
