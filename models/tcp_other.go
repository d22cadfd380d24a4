//go:build !linux

package models

import "syscall"

// limitUnacknowledged does nothing: only Linux can limit the time for acknowledgments.
func limitUnacknowledged(string, string, syscall.RawConn) error { return nil }
