package main

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// listen opens address, or says in a sentence what stands in the way.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	choose := "choose another with --" + addrOption.flag + " (" + addrOption.variable + ")"
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, failf("%s is in use by another program: stop that one, or %s", address, choose)
	case errors.Is(err, syscall.EACCES):
		return nil, failf("this user may not listen on %s: take a port from 1024 up; %s", address, choose)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, failf("%s is not an address of this machine: %s", address, choose)
	case errors.As(err, &unknown):
		return nil, failf("the host of %s is not known: %s", address, choose)
	}
	return nil, failf("cannot listen on %s: %w", address, err)
}
