package torture

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a node and the database, and can be everything that a network is.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	fault fault
	open  map[*link]bool
	moved *sync.Cond // when the fault changes
}

// fault is what a proxy does wrong; the zero fault is nothing.
type fault struct {
	cut     bool          // connections are closed, new ones refused
	hold    bool          // whatever is sent stays on the way
	delay   time.Duration // of what the database sends
	toReads bool          // the delay spares the connection that asks for changes of keys
}

// link is one connection of a node.
type link struct {
	node, database net.Conn
	polls          bool // it asks for changes of keys
}

func newProxy(t *testing.T, port int) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: fmt.Sprintf("127.0.0.1:%d", port), open: map[*link]bool{}}
	p.moved = sync.NewCond(&p.mu)
	go p.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(fault{cut: true})
	})
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// set changes the fault. Every other connection on which something was held is closed when
// that is over: some networks forget.
func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	forget := p.fault.hold && !f.hold
	p.fault = f
	n := 0
	for one := range p.open {
		if n++; f.cut || forget && n%2 == 0 {
			one.close()
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
		database, err := net.Dial("tcp", p.target)
		if cut || err != nil {
			_ = node.Close()
			if err == nil {
				_ = database.Close()
			}
			continue
		}
		one := &link{node: node, database: database}
		p.mu.Lock()
		p.open[one] = true
		p.mu.Unlock()
		go p.pump(one, node, database, false)
		go p.pump(one, database, node, true)
	}
}

// pump carries what from sends to its other end, as the fault has it.
func (p *proxy) pump(one *link, from, to net.Conn, isAnswer bool) {
	defer func() {
		one.close()
		p.mu.Lock()
		delete(p.open, one)
		p.mu.Unlock()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		if !isAnswer && bytes.Contains(buffer[:n], []byte(`FROM "revocation"`)) {
			one.polls = true
		}
		for p.fault.hold && p.open[one] {
			p.moved.Wait()
		}
		delay := p.fault.delay
		if p.fault.toReads && one.polls || !isAnswer {
			delay = 0
		}
		p.mu.Unlock()
		time.Sleep(delay)
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (l *link) close() {
	_ = l.node.Close()
	_ = l.database.Close()
}
