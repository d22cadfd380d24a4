// Package remote lets a process without access to the database verify API keys: it is a node like a server,
// and reaches the database through one.
//
// The guarantee of package keyauth holds. The node sends digests of keys, never keys. While the server can't
// be reached, it verifies the keys in its memory until its lease ends.
package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// Options configure a Source. The zero value has defaults for production.
type Options struct {
	Log       *slog.Logger      // discarded if nil
	Transport http.RoundTripper // a transport of its own, which uses the proxy of the environment, if nil
	// AllowPlainHTTP allows a URL with http, over which anyone on the network can read and replace responses.
	// It isn't needed for this machine itself.
	AllowPlainHTTP bool
}

// Source is a keyauth.Source that asks a server. It is safe for concurrent use.
type Source struct {
	base       string
	credential token.Secret
	client     *http.Client
	log        *slog.Logger

	hints    chan struct{}
	failing  atomic.Bool  // the last request failed
	rejected atomic.Bool  // the credential was rejected last
	ahead    atomic.Int64 // nanoseconds by which this clock is ahead of the server's
	scopes   atomic.Pointer[knownScopes]
}

// knownScopes is a catalog and its ID.
type knownScopes struct {
	catalog *scope.Catalog
	id      string
}

var _ keyauth.Source = (*Source)(nil)

// New returns a Source that asks the server at serverURL, such as https://keys.example.com, with a
// credential from "skipup nodes token create". It sends no request.
func New(serverURL, credential string, options Options) (*Source, error) {
	base, err := url.Parse(serverURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, errors.New("the URL of the server must look like https://keys.example.com")
	}
	if base.Scheme == "http" && !options.AllowPlainHTTP && !isLoopback(base.Hostname()) {
		return nil, errors.New("the URL of the server must start with https://, because anyone on the network could change the responses of http")
	}
	if _, err := token.ParseNodeToken(credential); err != nil {
		return nil, errors.New(`the credential isn't one of a node; create one with "skipup nodes token create"`)
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Transport == nil {
		options.Transport = newTransport()
	}
	s := &Source{
		base: strings.TrimSuffix(base.String(), "/") + wire.Prefix, credential: token.SecretOf(credential), log: options.Log,
		client: &http.Client{Transport: options.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		hints:  make(chan struct{}, 1),
	}
	s.scopes.Store(&knownScopes{catalog: scope.Builtin})
	return s, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Connections to the server. Each long poll takes one, and lookups share the others.
const (
	connectTimeout  = time.Second
	idleConnections = 16
	idleTimeout     = 90 * time.Second
)

func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = idleConnections, idleTimeout
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true) // where a request that times out also ends its connection
	return transport
}

// RegisterNode implements keyauth.Source.
func (s *Source) RegisterNode(ctx context.Context, node models.NewNode) (id string, err error) {
	registered, err := post[wire.NodeRequest](ctx, s, wire.Register, wire.RegisterRequest(node))
	return registered.NodeID, err
}

// KeyChanges implements keyauth.Source. It waits for a change for up to half of the time that ctx allows, and
// then sends a hint to itself, so that the node asks again at once.
func (s *Source) KeyChanges(ctx context.Context, nodeID string, known models.KeyState) (models.KeyChanges, error) {
	start, wait := time.Now(), maxWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	request := wire.ChangesRequest{NodeID: nodeID, Known: wire.State(known), Scopes: s.scopes.Load().id, WaitMS: wait.Milliseconds()}
	response, err := post[wire.ChangesResponse](ctx, s, wire.Changes, request)
	if err != nil {
		return models.KeyChanges{}, err
	}
	changes := response.Changes()
	if changes.Lease <= 0 || changes.Lease > models.MaxLease {
		return models.KeyChanges{}, fmt.Errorf("the server offers a lease of %v", changes.Lease)
	}
	if response.Scopes != nil { // before the node acknowledges the change
		catalog, err := response.Scopes.Catalog()
		if err != nil {
			return models.KeyChanges{}, err
		}
		s.scopes.Store(&knownScopes{catalog, response.Scopes.ID})
	}
	s.ahead.Store(int64(keyauth.SkewOf(response.Time, start, time.Now())))
	if changes.State != known || time.Since(start) >= min(wait, changes.Lease/4)/2 { // otherwise the server doesn't wait
		s.hint()
	}
	return changes, nil
}

// maxWait limits how long a request for changes waits at the server, so that proxies don't end it.
const maxWait = 15 * time.Second

func (s *Source) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

// AcknowledgeKeyChanges implements keyauth.Source.
func (s *Source) AcknowledgeKeyChanges(ctx context.Context, nodeID string, state models.KeyState) error {
	_, err := post[nothing](ctx, s, wire.Acknowledge, wire.AcknowledgeRequest{NodeID: nodeID, State: wire.State(state)})
	return err
}

// RemoveNode implements keyauth.Source.
func (s *Source) RemoveNode(ctx context.Context, id string) error {
	_, err := post[nothing](ctx, s, wire.Remove, wire.NodeRequest{NodeID: id})
	return err
}

// APIKeyByDigest implements keyauth.Source. Only what verification needs is set.
func (s *Source) APIKeyByDigest(ctx context.Context, digest token.Digest) (*models.APIKey, error) {
	found, err := post[wire.LookUpResponse](ctx, s, wire.LookUp, wire.LookUpRequest{Digest: hex.EncodeToString(digest[:])})
	switch {
	case err != nil:
		return nil, err
	case found.Damaged != nil:
		return nil, &models.DamagedKeyError{KeyID: found.Damaged.KeyID, Err: errors.New(found.Damaged.Problem)}
	case found.Key == nil:
		return nil, models.Errorf(models.NotFound, "API key not found.")
	}
	return found.Key.APIKey()
}

// AddUsage implements keyauth.Source.
func (s *Source) AddUsage(ctx context.Context, counts usage.Counts) error {
	_, err := post[nothing](ctx, s, wire.Usage, wire.UsageOf(counts))
	rejected := new(rejectedError)
	if errors.As(err, &rejected) && rejected.isPermanent() {
		s.log.Error("the server rejects counts of usage, which are lost", "error", err)
		return nil
	}
	return err
}

// ListenForKeyChanges implements keyauth.Source. It returns at once, because requests for changes wait.
func (*Source) ListenForKeyChanges(context.Context) {}

// KeyChangeHints implements keyauth.Source.
func (s *Source) KeyChangeHints() <-chan struct{} { return s.hints }

// HintsArrive implements keyauth.Source. It reports whether the server responds.
func (s *Source) HintsArrive() bool { return !s.failing.Load() }

// TimeAt implements keyauth.Source. Keys expire by the server's clock, as far as its difference to this one is
// certain.
func (s *Source) TimeAt(now time.Time) time.Time { return now.Add(-time.Duration(s.ahead.Load())) }

// Scopes implements keyauth.Source. Before the first successful poll, these are the built-in scopes.
func (s *Source) Scopes() *scope.Catalog { return s.scopes.Load().catalog }
