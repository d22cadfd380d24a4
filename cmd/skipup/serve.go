package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/skipup/keys/cmd/skipup/telemetry"
	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

func (p *program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server. On SIGINT it finishes open requests, then stops. On SIGTERM, its readiness fails first,
and it keeps serving for --shutdown-delay, so that load balancers stop sending requests.

On SIGHUP, it loads its TLS certificate again.

It runs database migrations first. Nodes that share a PostgreSQL database can start at the same
time. Until there is a workspace, each start prints a link to create one with its first admin. The
link is printed on standard output and is never logged. The log goes to standard error.

Flags override the environment variables shown in [brackets], and these override the file in --config.
Unknown variables that begin with SKIPUP_ are errors, as are misspelled ones, such as DATABASE_URI.`,
		Example: `  skipup serve
  DATABASE_URL=postgres://skipup:PASSWORD@db.internal/skipup skipup serve --addr :8080 --public-url https://keys.example.com`,
	}
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, _ []string) error {
		return p.runServer(ctx, s, newLogger(p.stderr, slog.Level(s.LogLevel)), p.printWelcome)
	}, serveOptions...)
}

// announce tells the operator where the server listens. It returns the handler to serve, which is
// pages or a wrapper around it.
type announce func(ctx context.Context, store *models.Store, publicURL string, pages http.Handler) (http.Handler, error)

// runServer serves until ctx ends. An early end of ctx, during startup, isn't an error.
func (p *program) runServer(ctx context.Context, s settings, log *slog.Logger, announce announce) error {
	err := listenAndServe(ctx, s, log, announce)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// server holds what the parts of a server share.
type server struct {
	settings
	publicURL    string
	node         models.NewNode
	log          *slog.Logger
	metrics      *web.Metrics
	conditions   *web.Conditions
	certificates certificates
	exports      *telemetry.Telemetry // nil if nothing is exported
}

// newServer returns a server that listens on an address. The caller must stop its exports.
func newServer(ctx context.Context, s settings, listening net.Addr, log *slog.Logger) (srv *server, err error) {
	srv = &server{settings: s, publicURL: publicURLOf(s, listening), node: nodeOf(s, listening), log: log, metrics: web.NewMetrics()}
	srv.metrics.SetBuild(buildVersion())
	srv.conditions = web.NewConditions(srv.metrics, log)
	if srv.certificates, err = openCertificates(s, srv.publicURL, srv.conditions, log); err != nil {
		return nil, err
	}
	srv.exports, err = startTelemetry(ctx, s, srv.node.Name, srv.metrics, log)
	return srv, err
}

func listenAndServe(ctx context.Context, s settings, log *slog.Logger, announce announce) error {
	listener, err := listen(ctx, string(s.Addr))
	if err != nil {
		return err
	}
	defer closeListener(listener)
	srv, err := newServer(ctx, s, listener.Addr(), log)
	if err != nil {
		return err
	}
	defer srv.exports.Stop()
	hangups := reloadOnHangup(srv.certificates.reload)
	untilDrained, stopServing := context.WithCancel(drain(ctx, time.Duration(s.ShutdownDelay), log))
	serving, servingCtx := errgroup.WithContext(untilDrained)
	defer func() {
		stopServing()
		_ = serving.Wait() // of a start that failed for another reason
	}()
	serve := func(listener net.Listener, handler http.Handler, connections web.Connections) {
		serving.Go(func() error { return web.Serve(servingCtx, listener, handler, connections, log) })
	}
	starting := web.NewStarting(servingCtx, log)
	serve(listener, starting, srv.connections(true))
	store, err := srv.openStore(ctx, starting.Progress)
	if err != nil {
		return err
	}
	defer closeStore(store, log)
	starting.Opened()
	verify, err := listenIfSet(ctx, s.VerifyAddr)
	if err != nil {
		return err
	}
	defer closeListener(verify)
	redirect, err := listenIfSet(ctx, s.RedirectAddr)
	if err != nil {
		return err
	}
	defer closeListener(redirect)
	gate, closeGate, err := srv.openGate(ctx, store)
	if err != nil {
		return err
	}
	defer closeGate()
	options := srv.webOptions(ctx)
	handler := handlers.New(store, gate, options)
	log.Info("listening", "address", listener.Addr().String(), "public_url", srv.publicURL, "database", store.Database(), "version", versionText(), "tls", s.servesTLS())
	if s.PublicURL == "" && s.Addr.isEveryInterface() {
		log.Warn("links point to localhost and work only on this machine; set --public-url (SKIPUP_PUBLIC_URL)")
	}
	stopWorkers := startWorkers(ctx, append(srv.workers(store, gate), hangups)...)
	defer stopWorkers()
	if handler, err = announce(ctx, store, srv.publicURL, handler); err != nil {
		return err
	}
	starting.Ready(handler)
	if verify != nil {
		connections := srv.connections(!listenAddress(s.VerifyAddr).isLoopback()) // proxies on this machine need no TLS
		log.Info("listening for reverse proxies and nodes", "address", verify.Addr().String(), "tls", connections.TLS != nil)
		serve(verify, handlers.NewVerifyServer(store, gate, options), connections)
	}
	if redirect != nil {
		log.Info("redirecting to https", "address", redirect.Addr().String())
		serve(redirect, srv.certificates.redirect, srv.connections(false))
	}
	serving.Go(func() error { return awaitOutdated(servingCtx, store) })
	return serving.Wait()
}

// connections returns the bounds of connections. If encrypted is true, they use TLS where the server does.
func (srv *server) connections(encrypted bool) web.Connections {
	connections := web.Connections{Max: int(srv.MaxConnections), IdleTimeout: time.Duration(srv.IdleTimeout)}
	if encrypted {
		connections.TLS = srv.certificates.config
	}
	return connections
}

// webOptions returns the options of the server's handlers. The server stops when ctx ends.
func (srv *server) webOptions(ctx context.Context) web.Options {
	return web.Options{
		PublicURL: srv.publicURL, Log: srv.log, TrustedProxies: srv.TrustedProxies, Conditions: srv.conditions, CORSOrigins: srv.CORSOrigins,
		LogSample: int(srv.LogSample), Stopping: ctx.Done(), Version: versionText(), SingleSignOn: srv.provider(srv.publicURL),
		Tracer: srv.exports.Tracer(),
	}
}

// recordsMetrics reports whether anyone can read the metrics.
func (srv *server) recordsMetrics() bool {
	return srv.MetricsAddr != "" || srv.exports.ExportsMetrics()
}

// outdatedInterval is how often a server looks whether a newer version has migrated the database so that this one may no
// longer use it. Until the server stops, it verifies no key and changes none.
const outdatedInterval = 5 * time.Second

// awaitOutdated returns models.ErrOutdated once the program may no longer use the database, or nil when ctx is done.
func awaitOutdated(ctx context.Context, store *models.Store) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(outdatedInterval):
		}
		if err := store.RequireSupported(ctx); errors.Is(err, models.ErrOutdated) {
			return err
		}
	}
}

// drain returns a context that ends when the server must stop serving. That is a delay after ctx if the
// program was terminated: its readiness fails meanwhile, so that load balancers find out.
func drain(ctx context.Context, delay time.Duration, log *slog.Logger) context.Context {
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		defer cancel()
		if errors.Is(context.Cause(ctx), errTerminated) && delay > 0 {
			log.Info("readiness fails from now on; serving until the delay is over", "delay", delay.String())
			time.Sleep(delay)
		}
	})
	return serving
}

// openStore opens the Store of a server. On SQLite it creates the key file if there is none, but
// only after it has checked that no secret needs an earlier key.
func (srv *server) openStore(ctx context.Context, progress models.Progress) (*models.Store, error) {
	keys, err := readEncryptionKeys(srv.settings)
	if err != nil {
		return nil, err
	}
	store, err := srv.openStoreWith(ctx, keys, progress)
	if err != nil {
		return nil, err
	}
	if err := requireReadableSecrets(ctx, srv.settings, store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if keys != nil || keyFileOf(srv.settings) == "" {
		return store, nil
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	if keys, err = loadEncryptionKeys(srv.settings); err != nil {
		return nil, err
	}
	return srv.openStoreWith(ctx, keys, progress)
}

func (srv *server) openStoreWith(ctx context.Context, keys encryptionKeys, progress models.Progress) (*models.Store, error) {
	return waitForStore(ctx, srv.settings, models.Options{
		Log: srv.log, MigrationProgress: progress, KeyChanged: srv.metrics.KeyChanged, SendsEmail: srv.SMTP.Server != nil,
		EncryptionKeys: keys, AllowPrivateWebhooks: bool(srv.WebhookAllowPrivate), ProviderRoles: srv.OIDCRoles,
		Plugins: srv.exports.Plugins(), TraceParent: srv.exports.TraceParent(), AcceptedAfterDeletion: func(keyIDs []string) {
			srv.log.Error("accepted requests with keys after their deletion; report this bug", "keys", keyIDs)
			srv.metrics.AcceptedAfterDeletion(keyIDs)
		},
	})
}

// waitForStore does what openStore does, and waits for a limited time for a PostgreSQL server that is unavailable.
func waitForStore(ctx context.Context, s settings, options models.Options) (*models.Store, error) {
	for deadline, reported := time.Now().Add(time.Duration(s.DatabaseWait)), false; ; {
		store, _, err := openStore(ctx, s, options)
		cause := err
		if failed := (failure{}); errors.As(err, &failed) {
			cause = failed.error
		}
		if _, embedded := models.SQLiteFile(string(s.Database)); embedded || !models.IsUnavailable(cause) || models.RejectsUser(cause) || time.Now().After(deadline) {
			return store, err
		}
		if !reported {
			reported = true
			options.Log.Warn("waiting for the database", "cause", models.OutageCause(cause), "error", cause, "timeout", s.DatabaseWait.String())
			options.MigrationProgress("Waiting for the database", 0, 0)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func closeStore(store *models.Store, log *slog.Logger) {
	if err := store.Close(); err != nil {
		log.Error("failed to close the database", "error", err)
	}
}

// nodeOf describes this process to operators. By default, its name is the host name and the port.
func nodeOf(s settings, listening net.Addr) models.NewNode {
	name := string(s.NodeName)
	if name == "" {
		host, err := os.Hostname()
		if _, port, splitErr := net.SplitHostPort(listening.String()); err == nil && splitErr == nil {
			name = net.JoinHostPort(host, port)
		}
		if models.CheckNodeName(name) != nil {
			name = "node"
		}
	}
	return models.NewNode{Name: name, Version: versionText(), StartedAt: time.Now()}
}

// publicURLOf returns the configured public URL, or that of the listener. A browser can't open
// "every interface", so the URL then names localhost.
func publicURLOf(s settings, listening net.Addr) string {
	if s.PublicURL != "" {
		return string(s.PublicURL)
	}
	host, _, _ := net.SplitHostPort(string(s.Addr))
	if s.Addr.isEveryInterface() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(listening.String())
	scheme := "http"
	if s.servesTLS() {
		scheme = "https"
	}
	return string(origin(&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}))
}

// printWelcome prints the URL of the server and, until there is a workspace, a setup link. The
// link's token appears nowhere else.
func (p *program) printWelcome(ctx context.Context, store *models.Store, publicURL string, pages http.Handler) (http.Handler, error) {
	needed, err := store.NeedsSetup(ctx)
	if err != nil {
		return nil, err
	}
	if !needed {
		return pages, p.printf("SkipUp Keys is running at %s", publicURL)
	}
	token, err := store.NewSetupLink(ctx)
	if err != nil {
		return nil, err
	}
	return pages, p.printf(`SkipUp Keys is running at %s

  This database is empty: %s
  Open this link to create your workspace and admin account (works once):

    %s
`, publicURL, store.Database(), publicURL+path.SetUpWith(token))
}
