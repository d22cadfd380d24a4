package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/spf13/cobra"

	"github.com/skipup/keys/cmd/skipup/demo"
	"github.com/skipup/keys/models"
)

func (p *program) demo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a demo with 90 days of sample data",
		Long: `Start a demo server and print a sign-in link. The demo workspace has 90 days of usage, a rotation
in progress, keys to review, and live traffic. It needs no configuration, and ignores all settings
except the listen address. The demo database is deleted on exit unless you use --keep.

Only this machine can reach the demo. Stop it with SIGINT or SIGTERM.`,
		Example: `  skipup demo
  skipup demo --addr 127.0.0.1:0 --keep demo`,
	}
	var keep string
	cmd.Flags().StringVar(&keep, "keep", "", "keep the database in this `folder`, which must not contain one already")
	return p.settingsCommand(cmd, func(ctx context.Context, given settings, _ []string) error {
		if !given.Addr.isLoopback() {
			return usageErrors{addrOption.name() + ": the demo can only listen on this machine; use an address such as 127.0.0.1:8080"}
		}
		return p.runDemo(ctx, given.Addr, keep)
	}, addrOption)
}

const demoDatabase = "skipup.db"

func (p *program) runDemo(ctx context.Context, addr listenAddress, keep string) (err error) {
	folder, remove, err := demoFolder(keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	receivers, stopReceivers, err := serveReceivers(ctx)
	if err != nil {
		return err
	}
	defer stopReceivers()
	s, err := demoSettings(addr, filepath.Join(folder, demoDatabase))
	if err != nil {
		return err
	}
	workspace, err := createDemo(ctx, s, receivers)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	sending, stopTraffic := context.WithCancel(ctx)
	var traffic sync.WaitGroup
	defer traffic.Wait()
	defer stopTraffic()
	log := newLogger(p.stderr, slog.LevelError) // the traffic would fill it
	return p.runServer(ctx, s, log, func(_ context.Context, _ *models.Store, publicURL string, pages http.Handler) (http.Handler, error) {
		link, pages := workspace.Link(pages)
		traffic.Go(func() { workspace.Traffic(sending, publicURL) })
		return pages, p.printDemoWelcome(workspace, publicURL, link, keep)
	})
}

// demoSettings returns the defaults, except that webhooks may stay on this machine and that the
// demo traffic may claim any client IP address.
func demoSettings(addr listenAddress, database string) (settings, error) {
	s, err := defaultSettings()
	s.Addr, s.Database, s.WebhookAllowPrivate = addr, databaseURL("sqlite:"+database), true
	s.TrustedProxies = trustedProxies{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	return s, err
}

// demoFolder returns a folder for the database, created if necessary, and a function that cleans
// it up on exit.
func demoFolder(keep string) (folder string, remove func() error, err error) {
	if keep == "" {
		folder, err = os.MkdirTemp("", "skipup-demo-")
		return folder, func() error { return os.RemoveAll(folder) }, err
	}
	if err := os.MkdirAll(keep, 0o700); err != nil {
		return "", nil, failf("can't create the folder for the database: %w", err)
	}
	database := filepath.Join(keep, demoDatabase)
	if _, err := os.Stat(database); !errors.Is(err, fs.ErrNotExist) {
		return "", nil, failf("%s already exists; delete it, or open it with %q", database, "skipup serve --database sqlite:"+database)
	}
	return keep, func() error { return nil }, nil
}

// serveReceivers serves the receivers of the demo's webhooks on a free port until stop is called.
func serveReceivers(ctx context.Context) (url string, stop func(), err error) {
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: demo.Receivers(), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // returns when stop closes the server
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

// createDemo creates the demo workspace in an empty database. Its passwords are long and random,
// so a cheap hash is safe.
func createDemo(ctx context.Context, s settings, receivers string) (workspace *demo.Workspace, err error) {
	keys, err := loadEncryptionKeys(s)
	if err != nil {
		return nil, err
	}
	clock := demo.NewClock(time.Now())
	store, _, err := openStore(ctx, s, models.Options{
		Clock: clock.Now, EncryptionKeys: keys, AllowPrivateWebhooks: true,
		Passwords: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return demo.Create(ctx, demo.Options{Store: store, Clock: clock, Receivers: receivers})
}

// printDemoWelcome prints the sign-in link and the password, which appear nowhere else.
func (p *program) printDemoWelcome(workspace *demo.Workspace, publicURL, link, keep string) error {
	stop := "Press Ctrl-C to stop. The demo database is deleted on exit."
	if keep != "" {
		stop = "Press Ctrl-C to stop. The demo database stays in " + keep + "."
	}
	return p.printf(`SkipUp Keys is running at %s

  Open this link to sign in to the demo workspace (works once):

    %s

  To sign in again, use %s and the password %s

  %s`, publicURL, publicURL+link, workspace.Email, workspace.Password, stop)
}
