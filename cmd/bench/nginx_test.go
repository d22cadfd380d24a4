package main

import (
	"strings"
	"testing"
)

func TestNginxThatCannotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("nginx is skipped with -short")
	}
	proxy, err := startNginx(t.Context(), &server{address: "unknown.invalid:80"}, &server{address: "127.0.0.1:1"})
	if err == nil {
		proxy.stop()
		t.Fatal("nginx starts in front of a host that doesn't exist")
	}
	if !strings.Contains(err.Error(), "ended (exit status 1) instead of serving") {
		t.Errorf("error = %v, want one that says that nginx has ended", err)
	}
}
