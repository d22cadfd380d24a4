package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
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
		Short: "Show it with a workspace that has ninety days behind it",
		Long: `Start a server with a workspace to look at, and print a link that signs in: ninety days of usage,
a rotation under way, keys that somebody should look at, and light traffic to its own API while it
runs. It needs no configuration and reads none but the address to listen on. The database is new,
and is deleted at the end unless --keep says where to keep it.

Only this machine can reach it. SIGINT or SIGTERM ends it.`,
		Example: `  skipup demo
  skipup demo --addr 127.0.0.1:0 --keep demo`,
	}
	var keep string
	cmd.Flags().StringVar(&keep, "keep", "", "keep the database in the folder `DIR`, which must not have one yet")
	addFlags(cmd.Flags(), addrOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		given, err := p.settings(cmd, addrOption)
		if err != nil {
			return err
		}
		if !isLoopback(given.Addr) {
			return usageErrors{addrOption.name() + ": a demo is for this machine alone; give it an address such as 127.0.0.1:8080"}
		}
		err = p.runDemo(ctx, given.Addr, keep)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil // asked to stop before it had begun
		}
		return err
	})
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

const demoDatabase = "skipup.db"

func (p *program) runDemo(ctx context.Context, addr, keep string) (err error) {
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
	s, err := settingsFrom(map[string]string{})
	if err != nil {
		return err
	}
	s.Addr, s.Database, s.WebhookAllowPrivate = addr, "sqlite:"+filepath.Join(folder, demoDatabase), "true"
	s.TrustedProxies = "127.0.0.1,::1" // the traffic says where it comes from
	workspace, err := makeDemo(ctx, s, receivers)
	if err != nil {
		return err
	}
	traffic, stopTraffic := context.WithCancel(ctx)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer stopTraffic()
	log := slog.New(onlyErrors{newLogger(p.stderr).Handler()})
	return p.runServer(ctx, s, log, func(_ context.Context, _ *models.Store, publicURL string, pages http.Handler) (http.Handler, error) {
		link, pages := workspace.Link(pages)
		sending.Go(func() { workspace.Traffic(traffic, publicURL) })
		return pages, p.welcomeToDemo(workspace, publicURL, link, keep)
	})
}

// demoFolder is a folder for a database, made if need be, and what removes it at the end.
func demoFolder(keep string) (folder string, remove func() error, err error) {
	if keep == "" {
		folder, err = os.MkdirTemp("", "skipup-demo-")
		return folder, func() error { return os.RemoveAll(folder) }, err
	}
	if err := os.MkdirAll(keep, 0o700); err != nil {
		return "", nil, failf("the folder for the database cannot be made: %w", err)
	}
	database := filepath.Join(keep, demoDatabase)
	if _, err := os.Stat(database); !errors.Is(err, fs.ErrNotExist) {
		return "", nil, failf("%s is there already: delete it, or look at it with %q", database, "skipup serve --database sqlite:"+database)
	}
	return keep, func() error { return nil }, nil
}

// serveReceivers serves those that the demo's webhooks are sent to, on an address of their own,
// until stop is called.
func serveReceivers(ctx context.Context) (url string, stop func(), err error) {
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: demo.Receivers(), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it ends with stop
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

// makeDemo makes the workspace in the empty database of s. Its passwords are long and random, so
// that a quick hash is as good as a slow one.
func makeDemo(ctx context.Context, s settings, receivers string) (workspace *demo.Workspace, err error) {
	keys, err := encryptionKeys(s)
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
	return demo.Make(ctx, demo.Options{Store: store, Clock: clock, Receivers: receivers})
}

// welcomeToDemo prints the way in. This is the one place where the link and the password appear.
func (p *program) welcomeToDemo(workspace *demo.Workspace, publicURL, link, keep string) error {
	end := "Its database is deleted when it ends, with Ctrl-C."
	if keep != "" {
		end = "Ctrl-C ends it. Its database stays in " + keep + "."
	}
	return p.printf(`SkipUp Keys is at %s

  Open this link to sign in to a workspace with ninety days behind it. It works once:

    %s

  After that sign in as %s with the password %s

  %s`, publicURL, publicURL+link, workspace.Email, workspace.Password, end)
}

// onlyErrors leaves the requests of the demo's own traffic out of the log, and whatever else is no
// error.
type onlyErrors struct{ slog.Handler }

func (h onlyErrors) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}

func (h onlyErrors) WithAttrs(attrs []slog.Attr) slog.Handler {
	return onlyErrors{h.Handler.WithAttrs(attrs)}
}
func (h onlyErrors) WithGroup(name string) slog.Handler { return onlyErrors{h.Handler.WithGroup(name)} }
