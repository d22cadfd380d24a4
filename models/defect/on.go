//go:build defects

package defect

import "os"

var seeded = Name(os.Getenv("SKIPUP_DEFECT"))

// Seeded reports whether SKIPUP_DEFECT names the mistake.
func Seeded(name Name) bool { return name == seeded }
