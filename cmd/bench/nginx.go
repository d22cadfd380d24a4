package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nginxConfig is a proxy for a server, with and without auth_request. It keeps all connections open.
const nginxConfig = `
daemon off;
master_process off;
pid DIR/nginx.pid;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	keepalive_requests 1000000000;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	upstream server {
		server SERVER;
		keepalive 64;
		keepalive_requests 1000000000;
	}
	upstream peer {
		server PEER;
		keepalive 64;
		keepalive_requests 1000000000;
	}
	server {
		listen LISTEN;
		location / { proxy_pass http://server; }
		location = /verified {
			auth_request /_verify;
			proxy_pass http://server/bare;
		}
		location = /verified-keyauth {
			auth_request /_keyauth;
			proxy_pass http://server/bare;
		}
		location = /verified-peer {
			auth_request /_peer;
			proxy_pass http://server/bare;
		}
		location = /_verify {
			internal;
			proxy_pass "http://server/verify?scope=meeting_requests.read&route=GET+/orders";
		}
		location = /_keyauth {
			internal;
			proxy_pass http://server/keyauth;
		}
		location = /_peer {
			internal;
			proxy_set_header Connection "";
			proxy_set_header Authorization "Basic CREDENTIALS";
			proxy_pass http://peer/oauth2/auth;
		}
	}
}
`

// startNginx starts nginx in front of a server and a peer, on the same core.
func startNginx(ctx context.Context, behind, peer *server) (*server, error) {
	dir, err := os.MkdirTemp("", "skipup-bench-nginx-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, keys: behind.keys, behind: []*server{behind, peer}}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	config := strings.NewReplacer("DIR", dir, "SERVER", behind.address, "PEER", peer.address, "CREDENTIALS", peerCredentials,
		"LISTEN", s.address).Replace(nginxConfig)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.process = exec.CommandContext(ctx, "taskset", "-c", "0", "nginx", "-e", "stderr", "-p", dir, "-c", path)
	s.process.Stderr = os.Stderr
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("start nginx, which Debian's package nginx has: %w", err)
	}
	return s.await()
}
