package main

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// listen listens on a TCP address. Its errors tell the operator what to change.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	alternative := "use another address with --" + addrOption.flag + " (" + addrOption.variable + ")"
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, failf("%s is already in use; stop the other program, or %s", address, alternative)
	case errors.Is(err, syscall.EACCES):
		return nil, failf("permission denied for %s; use a port above 1023, give the process CAP_NET_BIND_SERVICE, or %s", address, alternative)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, failf("%s isn't an address of this machine; %s", address, alternative)
	case errors.As(err, &unknown):
		return nil, failf("unknown host in %s; %s", address, alternative)
	}
	return nil, failf("can't listen on %s: %w", address, err)
}

// listenIfSet listens on a TCP address, or returns nil if it is empty.
func listenIfSet(ctx context.Context, address optionalAddress) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	return listen(ctx, string(address))
}

// closeListener closes a listener, which may be nil, unless the server that it belongs to has closed it.
func closeListener(listener net.Listener) {
	if listener != nil {
		_ = listener.Close()
	}
}
