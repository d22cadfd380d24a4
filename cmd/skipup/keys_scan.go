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

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// errFound ends a scan that has found keys, with exit code 1, and unfinished one that was not done to
// the end, with 2: as grep has it, and as hooks expect it.
var (
	errFound      = errors.New("keys were found")
	errIncomplete = unfinished{failf("not everything could be read")}
)

// unfinished is why a scan was not done to the end.
type unfinished struct{ error }

func (u unfinished) Unwrap() error { return u.error }

func (p *program) keysScan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Find API keys in files",
		Long: `Find API keys in files, in folders with all that is below them, and in standard input, which is
called "-". Folders called .git and links are left out unless they are named themselves; files may
be of any kind, but what is compressed or encoded is not unpacked, and UTF-16 is read where it begins
with a byte order mark. A key is known by its form and its checksum, so look-alikes are not
reported. Printed are file, line, column and the beginning of the key, never the key.

With --database, it is said which key it is and in what state. The variable ` + databaseOption.variable + ` is not
looked at: where code is checked in, it often names the database of another program.

Exit codes: 0 nothing found, 1 keys found, 2 not everything could be read.`,
		Example: `  skipup keys scan .
  git diff --cached | skipup keys scan -
  skipup keys scan --database "$DATABASE_URL" --json /var/log/app`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give the files and folders to scan, or - for standard input")
			}
			return nil
		},
	}
	var (
		database string
		asJSON   bool
	)
	flags := cmd.Flags()
	flags.StringVar(&database, "database", "", "look keys up in the database at this `ADDRESS`")
	flags.BoolVar(&asJSON, "json", false, "print a JSON array")
	return p.command(cmd, func(ctx context.Context, args []string) error {
		if database == "" {
			return p.scanKeys(ctx, args, nil, asJSON)
		}
		s := settings{KeyEnvironment: keyEnvironment(token.Live)}
		if err := s.Database.UnmarshalText([]byte(database)); err != nil {
			return usageErrors{fmt.Sprintf("--database: %v", err)}
		}
		err := withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.scanKeys(ctx, args, store, asJSON)
		})
		if err != nil && !errors.Is(err, errFound) {
			return unfinished{err}
		}
		return err
	})
}

// scanKeys prints what is found in paths; store may be nil.
func (p *program) scanKeys(ctx context.Context, paths []string, store *models.Store, asJSON bool) error {
	found, complete := []foundKey{}, true
	known := map[token.Digest]*knownKey{} // a log may have a key in every line
	for file := range p.scanned(ctx, paths) {
		if file.err != nil {
			p.printErrf("skipup: %v", file.err)
			complete = false
		}
		for _, finding := range file.findings {
			key := foundKey{File: file.name, Line: finding.Line, Column: finding.Column, KeyPrefix: finding.Hint}
			var err error
			if key.Key, err = lookUp(ctx, store, known, finding.Digest); err != nil {
				return err
			}
			if found = append(found, key); asJSON {
				continue
			}
			if err := p.printf("%s", key.text(store != nil)); err != nil {
				return err
			}
		}
	}
	if asJSON {
		if err := p.printJSON(found); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return unfinished{ctx.Err()}
	case !complete:
		return errIncomplete
	case len(found) > 0:
		return errFound
	}
	return nil
}

// scannedFile is what was found in a file.
type scannedFile struct {
	name     string
	findings []token.Finding
	err      error
}

// scanned scans the files at and below paths, several at once, and gives them out in order.
func (p *program) scanned(ctx context.Context, paths []string) <-chan scannedFile {
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
				work <- func() { result <- scan(name, open) }
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

// eachFile calls fn with every file at and below path, and with what cannot be read. A path that is a
// link is followed.
func (p *program) eachFile(path string, fn func(name string, open func() (io.ReadCloser, error), err error) error) {
	if path == "-" {
		_ = fn("-", func() (io.ReadCloser, error) { return io.NopCloser(p.stdin), nil }, nil)
		return
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		path = filepath.Clean(path) + string(filepath.Separator) // else a link to a folder is no folder
	case err != nil && !errors.Is(err, fs.ErrPermission) && isLink(path):
		return // it leads nowhere: there is nothing to read
	}
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error { // fn alone ends the walk
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

func scan(name string, open func() (io.ReadCloser, error)) scannedFile {
	result := scannedFile{name: name}
	file, err := open()
	if err != nil {
		result.err = err
		return result
	}
	err = token.Search(file, func(finding token.Finding) error {
		result.findings = append(result.findings, finding)
		return nil
	})
	result.err = errors.Join(err, file.Close())
	return result
}

// foundKey is a key that was found, as it is printed.
type foundKey struct {
	File      string    `json:"file"`
	Line      int64     `json:"line"`
	Column    int64     `json:"column"`
	KeyPrefix string    `json:"key_prefix"`
	Key       *knownKey `json:"key"` // null without a database, and if it has no such key
}

type knownKey struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	WorkspaceID string           `json:"workspace_id"`
	State       models.KeyStatus `json:"state"`
}

// lookUp is the key with a digest, nil without a store and if that has none, and notes it in known.
func lookUp(ctx context.Context, store *models.Store, known map[token.Digest]*knownKey, digest token.Digest) (*knownKey, error) {
	if found, looked := known[digest]; looked || store == nil {
		return found, nil
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

// text is k as a line, as compilers write it.
func (k foundKey) text(lookedUp bool) string {
	text := fmt.Sprintf("%s:%d:%d: %s", visible(k.File), k.Line, k.Column, k.KeyPrefix)
	switch {
	case k.Key != nil:
		text += fmt.Sprintf(" is %s (%s) of %s, %s", visible(k.Key.Name), k.Key.ID, k.Key.WorkspaceID, k.Key.State)
	case lookedUp:
		text += " is no key of this database"
	}
	return text
}
