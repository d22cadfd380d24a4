//go:build amd64 || arm64

package keyauth

import "unsafe"

// prefetch has the processor get a cache line that will be read soon, and does not wait for it.
// Go has no other way to say so: a load whose value nobody needs is waited for all the same.
//
//go:noescape
func prefetch(line unsafe.Pointer)
