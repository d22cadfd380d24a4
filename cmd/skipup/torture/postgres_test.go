package torture

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
)

// patience is how long to wait for what takes moments on an idle machine.
const patience = 2 * time.Minute

// postgres is a PostgreSQL server that a test may stop and start.
type postgres struct {
	t       *testing.T
	bin     string
	dir     string
	port    int
	owner   *syscall.Credential // set if the test runs as root, because PostgreSQL refuses to
	process *exec.Cmd
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Fatal("this test needs the PostgreSQL server: run `make test` as root, or install Debian's package postgresql")
	}
	slices.Sort(found)
	dir, err := os.MkdirTemp("", "torture-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postgres{t: t, bin: filepath.Dir(found[len(found)-1]), dir: filepath.Join(dir, "pg"), port: freePort(t)}
	p.owner = ownerOf(t, dir)
	if out, err := p.command("initdb", "-D", p.dir, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.start()
	t.Cleanup(func() { p.stop(syscall.SIGQUIT) })
	return p
}

// ownerOf returns the user to run PostgreSQL as, after giving dir to that user: postgres if the test
// runs as root, and nil for the current user.
func ownerOf(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL cannot run as root, and there is no user postgres: %v", err)
	}
	uid, _ := strconv.Atoi(postgres.Uid)
	gid, _ := strconv.Atoi(postgres.Gid)
	if err := errors.Join(os.Chown(dir, uid, gid), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (p *postgres) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(p.bin, name), args...)
	command.Dir = "/"
	if p.owner != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	}
	return command
}

// start starts PostgreSQL and waits until it responds. It turns fsync off, because no test cuts the
// power.
func (p *postgres) start() {
	p.t.Helper()
	p.process = p.command("postgres", "-D", p.dir, "-p", strconv.Itoa(p.port), "-k", p.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400", "-c", "fsync=off", "-c", "log_min_messages=fatal")
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := p.query("SELECT 1", new(int))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("start PostgreSQL: %v", err)
		}
	}
}

// stop stops PostgreSQL: SIGINT closes all connections first, SIGQUIT simulates a crash.
func (p *postgres) stop(how syscall.Signal) {
	if p.process == nil {
		return
	}
	_ = p.process.Process.Signal(how)
	_ = p.process.Wait()
	p.process = nil
}

func (p *postgres) restart(how syscall.Signal) {
	p.stop(how)
	p.start()
}

// address returns the address of the server.
func (p *postgres) address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// url returns the URL of a database, at the port of the server or of a proxy.
func (p *postgres) url(database string, port int) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", port, database)
}

func (p *postgres) query(statement string, into any) error {
	db, err := sql.Open("pgx", p.url("postgres", p.port))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRow(statement).Scan(into)
}

func (p *postgres) createDatabase(name string) {
	p.t.Helper()
	p.exec("CREATE DATABASE " + name)
}

func (p *postgres) exec(statement string) {
	p.t.Helper()
	db, err := sql.Open("pgx", p.url("postgres", p.port))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		p.t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
