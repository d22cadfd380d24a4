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

// cluster is a PostgreSQL of the test's own, which it may stop and start.
type cluster struct {
	t       *testing.T
	bin     string
	dir     string
	port    int
	owner   *syscall.Credential // PostgreSQL does not run as root
	process *exec.Cmd
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("the torture of three nodes is left out because of -short")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Fatal("this test starts and stops a PostgreSQL of its own: run `make test` as root, or install Debian's package postgresql")
	}
	slices.Sort(found)
	dir, err := os.MkdirTemp("", "torture-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &cluster{t: t, bin: filepath.Dir(found[len(found)-1]), dir: filepath.Join(dir, "pg"), port: freePort(t)}
	c.owner = ownerOf(t, dir)
	if out, err := c.command("initdb", "-D", c.dir, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.start()
	t.Cleanup(func() { c.stop(syscall.SIGQUIT) })
	return c
}

// ownerOf is who PostgreSQL runs as: the user postgres if we are root, who gets dir.
func ownerOf(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no user postgres: %v", err)
	}
	uid, _ := strconv.Atoi(postgres.Uid)
	gid, _ := strconv.Atoi(postgres.Gid)
	if err := errors.Join(os.Chown(dir, uid, gid), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.bin, name), args...)
	command.Dir = "/"
	if c.owner != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	}
	return command
}

// start starts PostgreSQL and returns when it answers. Nothing loses power here, so that it
// need not wait for the disk.
func (c *cluster) start() {
	c.t.Helper()
	c.process = c.command("postgres", "-D", c.dir, "-p", strconv.Itoa(c.port), "-k", c.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "fsync=off", "-c", "log_min_messages=fatal")
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := c.query("SELECT 1", new(int))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("PostgreSQL does not start: %v", err)
		}
	}
}

// stop ends PostgreSQL: SIGINT disconnects everybody, SIGQUIT leaves without tidying up.
func (c *cluster) stop(how syscall.Signal) {
	if c.process == nil {
		return
	}
	_ = c.process.Process.Signal(how)
	_ = c.process.Wait()
	c.process = nil
}

func (c *cluster) restart(how syscall.Signal) {
	c.stop(how)
	c.start()
}

func (c *cluster) url(port int) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
}

func (c *cluster) query(statement string, into any) error {
	db, err := sql.Open("pgx", c.url(c.port))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRow(statement).Scan(into)
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
