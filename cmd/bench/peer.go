package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// peer is a program that is often behind auth_request. It checks the password of a user against a file.
const peer = "oauth2-proxy"

// peerCredentials are those of its only user, for HTTP basic authentication (RFC 7617).
var peerCredentials = base64.StdEncoding.EncodeToString([]byte("user:" + peerPassword))

var peerPassword = rand.Text()

// startPeer starts the peer on the core of the servers, without its log.
func startPeer(ctx context.Context) (*server, error) {
	path, err := exec.LookPath(peer)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w; install it with: go install github.com/oauth2-proxy/oauth2-proxy/v7@latest", peer, err)
	}
	dir, err := os.MkdirTemp("", "skipup-bench-peer-")
	if err != nil {
		return nil, err
	}
	// SHA-1 is the fastest of the formats that the peer reads.
	hash := sha1.Sum([]byte(peerPassword))
	passwords := filepath.Join(dir, "htpasswd")
	if err := os.WriteFile(passwords, []byte("user:{SHA}"+base64.StdEncoding.EncodeToString(hash[:])+"\n"), 0o600); err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	s.process = exec.CommandContext(ctx, "taskset", "-c", "0", path, "--http-address="+s.address, "--htpasswd-file="+passwords,
		"--upstream=static://202", "--email-domain=*", "--client-id=bench", "--client-secret=bench", "--cookie-secret="+rand.Text()[:16],
		"--reverse-proxy", "--request-logging=false", "--auth-logging=false", "--standard-logging=false")
	s.process.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.process.Stderr = os.Stderr
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", peer, err)
	}
	return s.await()
}

// freeAddress returns a loopback address on which nothing listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
