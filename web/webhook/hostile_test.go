package webhook_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// nameServer starts a DNS server on a loopback address and returns a resolver that uses it. lookUp
// returns the IP addresses of a name, or nil if the name doesn't exist.
func nameServer(t testing.TB, lookUp func(name string) []string) *net.Resolver {
	t.Helper()
	connection, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := connection.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := replyTo(buffer[:n], lookUp); reply != nil {
				_, _ = connection.WriteTo(reply, from)
			}
		}
	}()
	var dialer net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "udp", connection.LocalAddr().String())
	}}
}

func replyTo(query []byte, lookUp func(string) []string) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	message.Response, message.Additionals = true, nil
	addresses := lookUp(strings.TrimSuffix(question.Name.String(), "."))
	if addresses == nil {
		message.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 0}
		switch {
		case address.Is4() && question.Type == dnsmessage.TypeA:
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case address.Is6() && question.Type == dnsmessage.TypeAAAA:
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// hostileHosts are hosts that are not on the public internet, in spellings that have fooled other
// programs.
var hostileHosts = []string{
	// Loopback, in the spellings of inet_aton(3) too.
	"127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
	"0177.0.0.01", "127.0.0.1.", "0x7f.1", "127.0x0.0x0.1", "0000127.0.0.1", "127.000.000.001", "00000000000000000177.0.0.1", "0x7F.0x00.0x00.0x01", "4294967295",
	"[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[0000::0001]", "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "foo.localhost",
	// Loopback within other addresses: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
	"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
	"[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]", "[2001:0:7f00:1::]", "[2001::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
	"[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[::ffff:192.168.0.1]", "[64:ff9b::192.168.0.1]", "[fe80::5efe:127.0.0.1]",
	// This network, private networks, shared addresses.
	"0.0.0.0", "0", "0.0.0.1", "0x0", "00", "10.0.0.1", "10.255.255.255", "0xa000001", "167772161", "012.0.0.1", "10.1", "172.16.0.1", "172.31.255.255",
	"2886729729", "192.168.0.1", "192.168.1.1", "0xc0a80001", "3232235521", "192.168.257", "0300.0250.0.1", "100.64.0.1", "100.127.255.254",
	"[fc00::1]", "[fd00::1]", "[fdff:ffff::1]", "[fec0::1]", "[fd12:3456:789a::1]",
	// Link-local and metadata services.
	"169.254.0.1", "169.254.169.254", "169.254.169.253", "169.254.170.2", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "[fe80::1]", "[fe80::a9fe:a9fe]",
	"[fd00:ec2::254]", "metadata.google.internal", "metadata", "instance-data", "100.100.100.200", "192.0.0.192", "[fd20:ce::254]",
	// Documentation, benchmarks, multicast, broadcast, reserved.
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.254", "192.0.0.1", "192.0.0.8", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
	"[ff02::1]", "[ff01::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[2001:2::1]", "[2001:10::1]",
	// Names that may resolve to anything.
	"intranet", "printer.local", "db.internal", "router.lan", "127.0.0.1.nip.example", "localtest.example", "xn--127-0.example",
}

// hostileURLs returns URLs with the hostile hosts, and URLs that checks and clients might parse
// differently.
func hostileURLs(port string) []string {
	var urls []string
	for _, host := range hostileHosts {
		urls = append(urls, "http://"+host+":"+port+"/latest/meta-data/")
	}
	for _, format := range []string{
		"http://hooks.example.com@127.0.0.1:%s/", "http://user:secret@127.0.0.1:%s/", "http://hooks.example.com%%40127.0.0.1:%s/", "http://127.0.0.1:%s#@hooks.example.com/",
		"http://127.0.0.1:%s/?hooks.example.com", "http://hooks.example.com:x@127.0.0.1:%s/", "http://[::1%%25lo]:%s/", "http://127.0.0.1:%s\\@hooks.example.com/",
		"http:\\\\127.0.0.1:%s/", "http:///127.0.0.1:%s/", "http:127.0.0.1:%s", "//127.0.0.1:%s/", "127.0.0.1:%s", "http://127.0.0.1%%00:%s/", "http://127。0。0。1:%s/",
		"http://①②⑦.0.0.1:%s/", "http://ⓛocalhost:%s/", "file:///etc/passwd?%s", "gopher://127.0.0.1:%s/_GET", "ftp://127.0.0.1:%s/", "unix:///var/run/docker.sock?%s",
		"jar:http://127.0.0.1:%s!/", "http://127.0.0.1:%s@/", "http://@127.0.0.1:%s/", "http:// 127.0.0.1:%s/", "http://127.0.0.1\t:%s/", "http://127.0.0.1:%s/\r\nHost: hooks.example.com",
	} {
		urls = append(urls, fmt.Sprintf(format, port))
	}
	return urls
}

// trap returns a receiver on both loopback addresses that must not be contacted.
func trap(t *testing.T) (r *receiver, port string) {
	t.Helper()
	r = newReceiver(t, ok)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if six, err := net.Listen("tcp6", "[::1]:"+port); err == nil { // where there is IPv6
		server := &http.Server{Handler: r.Config.Handler}
		go func() { _ = server.Serve(six) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	return r, port
}

// TestHostileURLsAreNotContacted resolves every host name to the trap.
func TestHostileURLsAreNotContacted(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // a proxy would do the dialing unchecked
	r, port := trap(t)
	urls := hostileURLs(port)
	if len(urls) < 100 {
		t.Fatalf("hostile URLs = %d, want at least 100", len(urls))
	}
	t.Logf("%d hostile URLs", len(urls))
	f := newFixture(t, modelstest.NewSQLite(t))
	endpoints := map[string]*models.WebhookEndpoint{}
	workspaces := map[string]*models.Workspace{}
	var workspace *models.Workspace
	for i, hostile := range urls {
		secure := strings.Replace(hostile, "http:", "https:", 1)
		if _, _, err := f.CreateWebhookEndpoint(t.Context(), f.workspace.ID, models.NewWebhookEndpoint{URL: secure, Events: []string{"seat.assigned"}}); !models.IsKind(err, models.Invalid) {
			t.Errorf("create endpoint for %q: %v, want Invalid", secure, err)
		}
		if i%models.MaxWebhookEndpoints == 0 {
			workspace = newWorkspace(t, f.Store, fmt.Sprint("w", i))
		}
		endpoints[hostile], _ = f.endpointOf(t, workspace, hostile)
		workspaces[hostile] = workspace
		if (i+1)%models.MaxWebhookEndpoints == 0 || i == len(urls)-1 {
			f.eventsOf(t, workspace, 1)
		}
	}
	options := local.OnAnyPort()
	options.AllowPrivate, options.Timeout = false, 5*time.Second
	options.Resolver = nameServer(t, func(string) []string { return []string{"127.0.0.1", "::1"} })
	stop := f.work(t, options)
	rejected := 0
	for hostile, endpoint := range endpoints {
		d := fixture{f.Store, workspaces[hostile]}.attempted(t, endpoint, 1)
		if d.Failure == models.Delivered || d.ResponseCode != nil {
			t.Errorf("delivery to %q = %+v, want no response", hostile, d)
		}
		if d.Failure == models.FailedAddress {
			rejected++
		}
		if d.Failure == models.FailedTimeout {
			t.Errorf("delivery to %q timed out, want it rejected before dialing", hostile)
		}
	}
	stop()
	t.Logf("%d of them were rejected when dialing; the others are not addresses", rejected)
	if n := len(r.all()); n != 0 {
		t.Errorf("trap received %d requests, want 0", n)
	}

	// With AllowPrivate, the same URL reaches the trap.
	options.AllowPrivate = true
	f.Clock.Advance(6 * time.Second)
	f.work(t, options)
	await(t, "the trap is reached where that is allowed", func() bool { return len(r.all()) > 20 })
}

// TestDNSRebinding covers a name that is public when it is checked and private when it is used.
func TestDNSRebinding(t *testing.T) {
	r, port := trap(t)
	const public = "192.88.99.1" // unused
	var asked atomic.Int64
	names := nameServer(t, func(name string) []string {
		switch {
		case strings.HasPrefix(name, "both"):
			return []string{public, "127.0.0.1", "::1"}
		case asked.Add(1)%2 == 1:
			return []string{public}
		}
		return []string{"127.0.0.1"}
	})
	f := newFixture(t, modelstest.NewSQLite(t))
	changes, _ := f.endpoint(t, "http://rebinds.example.com:"+port)
	both, _ := f.endpoint(t, "http://both.example.com:"+port)
	options := local.OnAnyPort()
	options.AllowPrivate, options.Timeout, options.Resolver = false, time.Second, names
	f.work(t, options)
	for range 6 { // one after another, because concurrent lookups share a response
		f.events(t, 1)
		f.attempted(t, changes, 1)
		f.attempted(t, both, 1)
	}
	if n := len(r.all()); n != 0 {
		t.Errorf("trap received %d requests, want 0", n)
	}
	if asked.Load() < 6 {
		t.Errorf("lookups = %d, want at least 6", asked.Load())
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	r, port := trap(t)
	f := newFixture(t, modelstest.NewSQLite(t))
	var endpoints []*models.WebhookEndpoint
	for _, code := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
		to := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:"+port+"/"+url.PathEscape("latest"))
			w.Header().Set("Refresh", "0; url=http://127.0.0.1:"+port)
			w.WriteHeader(code)
		})
		endpoint, _ := f.endpoint(t, to.URL)
		endpoints = append(endpoints, endpoint)
	}
	f.events(t, 1)
	f.work(t, local)
	for _, endpoint := range endpoints {
		if d := f.attempted(t, endpoint, 1); d.Failure != models.FailedRedirect {
			t.Errorf("failure for status %d = %q, want %q", *d.ResponseCode, d.Failure, models.FailedRedirect)
		}
	}
	if n := len(r.all()); n != 0 {
		t.Errorf("trap received %d requests, want 0", n)
	}
}
