package torture

import (
	"bytes"
	"net"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// proxy connects a node to the source of its keys, and simulates network faults.
type proxy struct {
	t        *testing.T
	listener net.Listener
	target   func() string // returns the address for the next connection

	mu    sync.Mutex
	fault fault
	open  map[*link]bool
	moved *sync.Cond // signaled when the fault changes
}

// fault is a network fault; the zero value is none.
type fault struct {
	cut     bool          // connections are closed, and new ones rejected
	hold    bool          // nothing that is sent arrives
	mute    bool          // nothing arrives at the node, but what it sends does
	delay   time.Duration // of data to the node
	toReads bool          // the delay affects all but the connection that polls for changes to keys
	// loseAcknowledgments closes a connection when the node acknowledges changes to keys.
	loseAcknowledgments bool
}

// link is one connection of a node.
type link struct {
	node, source net.Conn
	polls        bool // it polls for changes to keys

	acknowledgment []byte // the prepared statement that acknowledges changes to keys
}

// acknowledgmentPattern matches the message that prepares the statement to acknowledge changes.
var acknowledgmentPattern = regexp.MustCompile(`(stmtcache_[0-9a-f]+)\x00UPDATE nodes SET acknowledged_at`)

// The beginnings of requests of remote nodes.
var (
	remoteRequest        = []byte("POST " + wire.Prefix)
	remoteLookUp         = []byte("POST " + wire.Prefix + wire.LookUp)
	remoteAcknowledgment = []byte("POST " + wire.Prefix + wire.Acknowledge)
)

// observe learns from a message of the node what the link is for. A remote node uses each of its
// connections for all kinds of requests.
func (l *link) observe(message []byte) {
	if bytes.Contains(message, []byte(`FROM "revocation" `)) {
		l.polls = true
	}
	if bytes.HasPrefix(message, remoteRequest) {
		l.polls = !bytes.HasPrefix(message, remoteLookUp)
	}
}

// acknowledges reports whether a message of the node acknowledges changes to keys.
func (l *link) acknowledges(message []byte) bool {
	if bytes.HasPrefix(message, remoteAcknowledgment) {
		return true
	}
	if found := acknowledgmentPattern.FindSubmatch(message); found != nil {
		l.acknowledgment = slices.Clone(found[1])
	}
	return l.acknowledgment != nil && bytes.Contains(message, l.acknowledgment)
}

func newProxy(t *testing.T, target func() string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: listener, target: target, open: map[*link]bool{}}
	p.moved = sync.NewCond(&p.mu)
	go p.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(fault{cut: true})
	})
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// set changes the fault. When a hold ends, every other connection is closed, as a network that has
// lost its state would do.
func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	loseState := p.fault.hold && !f.hold || p.fault.mute && !f.mute
	p.fault = f
	n := 0
	for l := range p.open {
		if n++; f.cut || loseState && n%2 == 0 {
			l.close()
		}
	}
	p.moved.Broadcast()
}

func (p *proxy) accept() {
	for {
		node, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		cut := p.fault.cut
		p.mu.Unlock()
		source, err := net.Dial("tcp", p.target())
		if cut || err != nil {
			_ = node.Close()
			if err == nil {
				_ = source.Close()
			}
			continue
		}
		l := &link{node: node, source: source}
		p.mu.Lock()
		p.open[l] = true
		p.mu.Unlock()
		go p.pump(l, node, source, false)
		go p.pump(l, source, node, true)
	}
}

// pump forwards data from one end of a link to the other, subject to the fault.
func (p *proxy) pump(l *link, from, to net.Conn, isResponse bool) {
	defer func() {
		l.close()
		p.mu.Lock()
		delete(p.open, l)
		p.mu.Unlock()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		if !isResponse {
			l.observe(buffer[:n])
		}
		if !isResponse && l.acknowledges(buffer[:n]) && p.fault.loseAcknowledgments {
			p.mu.Unlock()
			return
		}
		for (p.fault.hold || p.fault.mute && isResponse) && p.open[l] {
			p.moved.Wait()
		}
		delay := p.fault.delay
		if p.fault.toReads && l.polls || !isResponse {
			delay = 0
		}
		p.mu.Unlock()
		time.Sleep(delay)
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// awaitPoll waits until the proxy recognizes the connection that polls for changes to keys. Without it, some
// faults would have no effect.
func (p *proxy) awaitPoll() {
	p.t.Helper()
	for start := time.Now(); !p.sawPoll(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			p.t.Fatal("no connection polls for changes to keys; update what the proxy recognizes polls by")
		}
	}
}

func (p *proxy) sawPoll() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		if l.polls {
			return true
		}
	}
	return false
}

func (l *link) close() {
	_ = l.node.Close()
	_ = l.source.Close()
}
