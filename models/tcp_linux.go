package models

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes a connection fail if the other side doesn't acknowledge data for deadAfter
// (tcp(7), TCP_USER_TIMEOUT).
func limitUnacknowledged(network, _ string, connection syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var failed error
	err := connection.Control(func(descriptor uintptr) {
		failed = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
