package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// A scan that finds keys exits with errFound and code 1. A scan that is incomplete exits with an
// unfinished error and code 2, as grep does and hooks expect.
var (
	errFound      = errors.New("API keys found")
	errIncomplete = unfinished{failf("some files couldn't be read")}
)

// unfinished is the reason why a scan is incomplete.
type unfinished struct{ error }

func (u unfinished) Unwrap() error { return u.error }

func (p *program) keysScan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Scan files for API keys",
		Long: `Scan files, folders, and standard input ("-") for API keys. Links and folders named .git are skipped
unless you name them. Files may be of any type. Compressed or encoded content isn't decoded, except
for UTF-16 with a byte order mark. Keys are recognized by their format and checksum, so look-alikes
aren't reported. The output has the file, line, column, and start of each key, never the whole key.

With --database, the output also has the name and status of each key. The variable ` + databaseOption.variable + `
is ignored, because in a repository it often names the database of another program.

Exit codes: 0 no keys found, 1 keys found, 2 some files couldn't be read, 130 interrupted.`,
		Example: `  skipup keys scan .
  git diff --cached | skipup keys scan -
  skipup keys scan --database "$DATABASE_URL" --json /var/log/app`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("enter the files and folders to scan, or - for standard input")
			}
			return nil
		},
	}
	var database string
	flags := cmd.Flags()
	flags.StringVar(&database, "database", "", "look up keys in the database at this `URL`")
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.command(cmd, func(ctx context.Context, args []string) error {
		if database == "" {
			return p.scanKeys(ctx, args, nil)
		}
		var s settings
		if err := s.Database.UnmarshalText([]byte(database)); err != nil {
			return usageErrors{fmt.Sprintf("--database: %v", err)}
		}
		err := withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.scanKeys(ctx, args, store)
		})
		if err != nil && !errors.Is(err, errFound) {
			return unfinished{err}
		}
		return err
	})
}

// scanKeys prints the keys found in paths. store may be nil.
func (p *program) scanKeys(ctx context.Context, paths []string, store *models.Store) error {
	show, end := p.progress(countBytes)
	defer end()
	found, complete := []foundKey{}, true
	known := map[token.Digest]*knownKey{} // so that each key is looked up once
	add := func(file scannedFile) error {
		if file.err != nil {
			end()
			p.printErrf("skipup: %v", file.err)
			complete = false
		}
		for _, finding := range file.findings {
			key := foundKey{File: file.name, Line: finding.Line, Column: finding.Column, KeyPrefix: finding.Hint}
			var err error
			if key.Key, err = lookUp(ctx, store, known, finding.Digest); err != nil {
				return err
			}
			if found = append(found, key); p.asJSON {
				continue
			}
			end()
			if err := p.printf("%s", key.text(store != nil)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := p.eachScanned(ctx, paths, show, add); err != nil {
		return err
	}
	end()
	if p.asJSON {
		if err := p.printJSON(found); err != nil {
			return err
		}
	}
	switch {
	case !complete:
		return errIncomplete
	case len(found) > 0:
		return errFound
	}
	return nil
}

// eachScanned calls add for each file at and below paths, and show from time to time with the number of bytes
// that were read. It returns the first error of add, or that of ctx, without waiting for files that are open.
func (p *program) eachScanned(ctx context.Context, paths []string, show models.Progress, add func(scannedFile) error) error {
	var done atomic.Int64
	total := p.sizeOf(ctx, paths)
	files := p.scanned(ctx, paths, &done)
	refresh := time.NewTicker(100 * time.Millisecond)
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-refresh.C:
			show("Scanning files", done.Load(), total)
		case file, more := <-files:
			if !more {
				return ctx.Err()
			}
			if err := add(file); err != nil {
				return err
			}
		}
	}
}

// sizeOf returns the size of all files at and below paths in bytes, or 0 if no progress is shown.
func (p *program) sizeOf(ctx context.Context, paths []string) (size int64) {
	if _, terminal := terminalOf(p.stderr); !terminal {
		return 0
	}
	for _, path := range paths {
		p.eachFile(path, func(name string, _ func() (io.ReadCloser, error), _ error) error {
			if info, err := os.Stat(name); err == nil {
				size += info.Size()
			}
			return ctx.Err()
		})
	}
	return size
}

// countedFile is a file that counts the bytes that are read from it, until ctx ends.
type countedFile struct {
	io.ReadCloser
	ctx  context.Context
	done *atomic.Int64
}

// Read implements io.Reader.
func (f countedFile) Read(into []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.ReadCloser.Read(into)
	f.done.Add(int64(n))
	return n, err
}

// scannedFile is the result of the scan of a file.
type scannedFile struct {
	name     string
	findings []token.Finding
	err      error
}

// scanned scans the files at and below paths concurrently, and returns the results in order. It adds the number
// of bytes to done.
func (p *program) scanned(ctx context.Context, paths []string, done *atomic.Int64) <-chan scannedFile {
	results := make(chan chan scannedFile, 4*runtime.GOMAXPROCS(0))
	work := make(chan func())
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for do := range work {
				do()
			}
		}()
	}
	go func() {
		defer close(results)
		defer close(work)
		for _, path := range paths {
			p.eachFile(path, func(name string, open func() (io.ReadCloser, error), err error) error {
				result := make(chan scannedFile, 1)
				select {
				case results <- result:
				case <-ctx.Done():
					return fs.SkipAll
				}
				if err != nil {
					result <- scannedFile{name: name, err: err}
					return nil
				}
				work <- func() { result <- scan(ctx, name, open, done) }
				return nil
			})
		}
	}()
	files := make(chan scannedFile)
	go func() {
		defer close(files)
		for result := range results {
			files <- <-result
		}
	}()
	return files
}

// eachFile calls fn for every file at and below path, and for everything that cannot be read. If path is
// a link, it is followed.
func (p *program) eachFile(path string, fn func(name string, open func() (io.ReadCloser, error), err error) error) {
	if path == "-" {
		_ = fn("-", func() (io.ReadCloser, error) { return io.NopCloser(p.stdin), nil }, nil)
		return
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		path = filepath.Clean(path) + string(filepath.Separator) // so that a link to a folder is followed
	case err != nil && !errors.Is(err, fs.ErrPermission) && isLink(path):
		return // a dangling link
	}
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error { // only fn ends the walk
		switch {
		case err != nil:
			return fn(name, nil, err)
		case entry.IsDir() && entry.Name() == ".git" && name != path:
			return fs.SkipDir
		case name != path && !entry.Type().IsRegular(), entry.IsDir():
			return nil
		}
		return fn(name, func() (io.ReadCloser, error) { return os.Open(name) }, nil)
	})
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeSymlink
}

func scan(ctx context.Context, name string, open func() (io.ReadCloser, error), done *atomic.Int64) scannedFile {
	result := scannedFile{name: name}
	file, err := open()
	if err != nil {
		result.err = err
		return result
	}
	err = token.Search(countedFile{file, ctx, done}, func(finding token.Finding) error {
		result.findings = append(result.findings, finding)
		return nil
	})
	result.err = errors.Join(err, file.Close())
	return result
}

// foundKey is a key that was found, as printed with --json.
type foundKey struct {
	File      string    `json:"file"`
	Line      int64     `json:"line"`
	Column    int64     `json:"column"`
	KeyPrefix string    `json:"key_prefix"`
	Key       *knownKey `json:"key"` // null without a database, or if the database doesn't have the key
}

type knownKey struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	WorkspaceID string           `json:"workspace_id"`
	State       models.KeyStatus `json:"state"`
}

// lookUp returns the key with a digest and caches it in known. It returns nil without a store, or if the
// store doesn't have the key.
func lookUp(ctx context.Context, store *models.Store, known map[token.Digest]*knownKey, digest token.Digest) (*knownKey, error) {
	if key, ok := known[digest]; ok || store == nil {
		return key, nil
	}
	key, err := store.APIKeyByDigest(ctx, digest)
	switch {
	case models.IsKind(err, models.NotFound):
		known[digest] = nil
	case err != nil:
		return nil, err
	default:
		known[digest] = &knownKey{ID: key.ID, Name: key.Name, WorkspaceID: key.WorkspaceID, State: key.StatusAt(store.Now())}
	}
	return known[digest], nil
}

// text returns a line for k in the format of compilers.
func (k foundKey) text(lookedUp bool) string {
	text := fmt.Sprintf("%s:%d:%d: %s", visible(k.File), k.Line, k.Column, k.KeyPrefix)
	switch {
	case k.Key != nil:
		text += fmt.Sprintf(" is %s (%s) of %s, %s", visible(k.Key.Name), k.Key.ID, k.Key.WorkspaceID, k.Key.State)
	case lookedUp:
		text += " isn't in this database"
	}
	return text
}
