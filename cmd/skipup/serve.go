package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

var serveOptions = []option{
	addrOption, databaseOption, publicURLOption, keyEnvironmentOption, trustedProxiesOption,
	keyRateLimitOption, guessRateLimitOption, redisOption, cacheOption, metricsOption, smtpOption, mailFromOption,
	encryptionKeyOption, webhookAllowPrivateOption,
}

func (p *program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until it gets SIGINT or SIGTERM; then it finishes open requests and stops.

It brings the schema of the database up to date first. Nodes that share a PostgreSQL database may
start at once. While there is no workspace, each start prints a link that makes the first one and
its admin. The link is not in the log, which goes to standard error.

A flag beats its variable, which stands in brackets.`,
		Example: `  skipup serve
  DATABASE_URL=postgres://skipup:PASSWORD@db.internal/skipup skipup serve --addr :8080 --public-url https://keys.example.com`,
	}
	options := serveOptions
	addFlags(cmd.Flags(), options...)
	completeValues(cmd, keyEnvironmentOption.flag, keyEnvironments)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, options...)
		if err != nil {
			return err
		}
		if err := checkPrivateWebhooks(s); err != nil {
			return err
		}
		err = p.runServer(ctx, s, newLogger(p.stderr), p.welcome)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil // asked to stop before it had begun
		}
		return err
	})
}

// welcome tells whoever has started a server where it is, once it listens, and returns the handler
// to serve: pages, or something around them.
type welcome func(ctx context.Context, store *models.Store, publicURL string, pages http.Handler) (http.Handler, error)

func (p *program) runServer(ctx context.Context, s settings, log *slog.Logger, welcome welcome) error {
	proxies, err := web.ParseTrustedProxies(s.TrustedProxies)
	if err != nil {
		return err
	}
	keys, err := encryptionKeys(s)
	if err != nil {
		return err
	}
	metrics := web.NewMetrics()
	store, applied, err := openStore(ctx, s, models.Options{
		Log: log, Waited: metrics.Waited, SendsEmail: s.SMTP != "",
		EncryptionKeys: keys, AllowPrivateWebhooks: allowsPrivateWebhooks(s), AcceptedAfterDeletion: func(keyIDs []string) {
			log.Error("requests were accepted with keys whose deletion was in force: see that the clocks of the nodes agree, and if they do tell the makers",
				"keys", keyIDs)
			metrics.AcceptedAfterDeletion(keyIDs)
		},
	})
	if err != nil {
		return err
	}
	defer closeStore(store, log)
	for _, step := range applied {
		log.Info("the schema has moved on", "step", step.Name)
	}
	listener, err := listen(ctx, s.Addr)
	if err != nil {
		return err
	}
	publicURL := publicURLOf(s, listener.Addr())
	gate, stopGate, err := startGate(ctx, s, store, metrics, log)
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer stopGate()
	stopWebhooks := startWebhooks(ctx, s, store, metrics, log)
	defer stopWebhooks()
	handler := handlers.New(store, gate, web.Options{PublicURL: publicURL, Log: log, TrustedProxies: proxies})
	log.Info("listening", "address", listener.Addr().String(), "public_url", publicURL, "version", versionText())
	if s.PublicURL == "" && isEveryInterface(s.Addr) {
		log.Warn("links name localhost, so they work on this machine alone: set --public-url (SKIPUP_PUBLIC_URL)")
	}
	if handler, err = welcome(ctx, store, publicURL, handler); err != nil {
		_ = listener.Close()
		return err
	}
	stopTidying := keepTidy(ctx, store, log)
	defer stopTidying()
	stopReminding := keepReminding(ctx, store, log)
	defer stopReminding()
	stopMailing, err := startMailing(ctx, s, store, publicURL, log)
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer stopMailing()
	return web.Serve(ctx, listener, handler, log)
}

func closeStore(store *models.Store, log *slog.Logger) {
	if err := store.Close(); err != nil {
		log.Error("close database", "error", err)
	}
}

// publicURLOf is the configured public address, or the one that the listener has. A browser
// cannot go to "every interface", but those of this machine can go to localhost.
func publicURLOf(s settings, listening net.Addr) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	host, _, _ := net.SplitHostPort(s.Addr)
	if isEveryInterface(s.Addr) {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(listening.String())
	return origin(&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)})
}

func isEveryInterface(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	return host == "" || net.ParseIP(host).IsUnspecified()
}

// welcome tells the operator where the server is, and how to begin if nobody has. This is the
// one place where the token of a set-up link appears.
func (p *program) welcome(ctx context.Context, store *models.Store, publicURL string, pages http.Handler) (http.Handler, error) {
	if err := p.printf("SkipUp Keys is at %s", publicURL); err != nil {
		return nil, err
	}
	needed, err := store.NeedsSetUp(ctx)
	if err != nil || !needed {
		return pages, err
	}
	token, err := store.NewSetupLink(ctx)
	if err != nil {
		return nil, err
	}
	return pages, p.printf("\n  Open this link to make the first workspace and its admin. It works once:\n\n    %s\n", publicURL+path.SetUpWith(token))
}

const tidyEvery = time.Hour

// keepTidy removes what has expired, and finishes what a node that was stopped has left
// undone, now and every hour, until ctx ends or stop is called. Stop waits for it to finish.
func keepTidy(ctx context.Context, store *models.Store, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(tidyEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := tidy(ctx, store); err != nil && ctx.Err() == nil {
				log.Error("tidy the database", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); working.Wait() }
}

func tidy(ctx context.Context, store *models.Store) error {
	_, deletionErr := store.FinishDeletions(ctx)
	_, sealErr := store.ResealWebhookSecrets(ctx)
	return errors.Join(deletionErr, sealErr, store.PurgeExpired(ctx))
}
