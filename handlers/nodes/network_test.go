package nodes_test

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// network connects a node to a server, and can lose what they send.
type network struct {
	listener net.Listener
	server   string

	mu     sync.Mutex
	losing faults
	open   map[net.Conn]bool
}

// faults are what a network loses. Connections stay open, so that neither side is told.
type faults struct{ requests, responses bool }

// newNetwork returns a network to the server at a URL.
func newNetwork(t *testing.T, serverURL string) *network {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{listener: listener, server: strings.TrimPrefix(serverURL, "http://"), open: map[net.Conn]bool{}}
	go n.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		n.lose(faults{})
	})
	return n
}

func (n *network) url() string { return "http://" + n.listener.Addr().String() }

// lose changes the faults. Existing connections end if there are none anymore, because they have lost data.
func (n *network) lose(f faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.losing = f; f == (faults{}) {
		for conn := range n.open {
			_ = conn.Close()
		}
	}
}

func (n *network) accept() {
	for {
		node, err := n.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", n.server)
		if err != nil {
			_ = node.Close()
			continue
		}
		n.mu.Lock()
		n.open[node], n.open[server] = true, true
		n.mu.Unlock()
		go n.forward(node, server, func(f faults) bool { return f.requests })
		go n.forward(server, node, func(f faults) bool { return f.responses })
	}
}

func (n *network) forward(from, to net.Conn, loses func(faults) bool) {
	defer func() {
		_, _ = from.Close(), to.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, from)
	}()
	data := make([]byte, 32<<10)
	for {
		length, err := from.Read(data)
		n.mu.Lock()
		lost := loses(n.losing)
		n.mu.Unlock()
		if lost && err == nil {
			continue
		}
		if err != nil {
			return
		}
		if _, err := to.Write(data[:length]); err != nil {
			return
		}
	}
}
