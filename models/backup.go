package models

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A backup is a ZIP file that contains the data and, after it, a manifest. A file that ends early has no
// directory, so it isn't a ZIP file.

const (
	backupFormat   = "skipup backup 1"
	backupManifest = "manifest.json"
	maxManifest    = 64 << 20 // bytes; a workspace takes about 160
)

// BackupManifest describes the data of a backup.
type BackupManifest struct {
	Format        string    `json:"format"`
	CreatedAt     time.Time `json:"created_at"` // by the clock of the database
	Program       string    `json:"program"`    // the program that created it, with its version
	Database      string    `json:"database"`   // sqlite or postgres
	Schema        string    `json:"schema,omitempty"`
	SchemaVersion int64     `json:"schema_version"`
	// EncryptionKeys are the fingerprints of the keys that encrypt secrets in the data: the first four
	// bytes of the SHA-256 of each key.
	EncryptionKeys []string    `json:"encryption_keys"`
	AuditHeads     []ChainHead `json:"audit_heads"`
	Data           BackupData  `json:"data"`
}

// ChainHead is the last event of a chain of audit events.
type ChainHead struct {
	WorkspaceID string `json:"workspace_id"` // empty for events outside any workspace
	Events      int64  `json:"events"`
	Hash        string `json:"hash"`
}

// BackupData identifies the data of a backup.
type BackupData struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Progress is called with the step of a long operation and how much of it is done, such as in bytes.
type Progress func(step string, done, total int64)

// BackupOptions configure a backup.
type BackupOptions struct {
	Program  string   // for the manifest
	Replace  bool     // replace an existing file
	Progress Progress // may be nil
}

// Backup writes a consistent copy of the database to a file, while others use it. It doesn't migrate the
// database. It writes to a temporary file next to path and reads that back before it renames it, so that
// no incomplete file ever has the name path. It returns FailedPrecondition if the file exists, unless the
// options allow to replace it.
func (s *Store) Backup(ctx context.Context, path string, o BackupOptions) (*BackupManifest, error) {
	if _, err := os.Lstat(path); err == nil && !o.Replace {
		return nil, errBackupExists(path)
	}
	if err := s.requireDirect(); err != nil {
		return nil, err
	}
	o.Progress = orIgnored(o.Progress)
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".partial-*") // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("create the backup: %w", err)
	}
	defer func() { _ = os.Remove(draft.Name()) }() // after it was renamed, there is none
	written, err := s.writeBackup(ctx, draft, o)
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, err
	}
	if err := verifyBackup(ctx, draft.Name(), o.Progress); err != nil {
		return nil, fmt.Errorf("verify the backup: %w", err)
	}
	return written, publishFile(draft.Name(), path, o.Replace)
}

func errBackupExists(path string) error {
	return Errorf(FailedPrecondition, "%s already exists. Use another name, or --force to replace it.", path)
}

func orIgnored(p Progress) Progress {
	if p == nil {
		return func(string, int64, int64) {}
	}
	return p
}

// publishFile renames a file, durably. Unless replace is set, it replaces no file that another program
// has created meanwhile.
func publishFile(from, to string, replace bool) error {
	if !replace {
		claimed, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return errBackupExists(to)
		}
		if err != nil {
			return err
		}
		_ = claimed.Close() // it is empty
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// writeBackup writes the data and its manifest, both from one snapshot of the database.
func (s *Store) writeBackup(ctx context.Context, draft *os.File, o BackupOptions) (_ *BackupManifest, err error) {
	pool, err := s.db.DB()
	if err != nil {
		return nil, err
	}
	connection, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	tx, err := connection.BeginTx(ctx, s.snapshotOptions())
	if err != nil {
		return nil, fmt.Errorf("begin a snapshot: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it changes nothing
	m, err := s.boundTo(ctx, tx).describe(ctx, o.Program)
	if err != nil {
		return nil, err
	}
	archive := zip.NewWriter(draft)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: m.Data.Name, Method: zip.Deflate, Modified: m.CreatedAt})
	if err != nil {
		return nil, err
	}
	data := &digestWriter{Writer: entry, sha256: sha256.New()}
	if s.dialect.name == sqlite {
		err = copySQLite(ctx, connection, draft.Name()+".db", data, o.Progress)
	} else {
		err = s.dumpPostgreSQL(ctx, tx, m.Schema, data, o.Progress)
	}
	if err != nil {
		return nil, err
	}
	m.Data.Size, m.Data.SHA256 = data.size, hex.EncodeToString(data.sha256.Sum(nil))
	if entry, err = archive.CreateHeader(&zip.FileHeader{Name: backupManifest, Method: zip.Deflate, Modified: m.CreatedAt}); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(entry).Encode(m); err != nil {
		return nil, err
	}
	return m, archive.Close()
}

// describe returns the manifest of a backup of the current snapshot, without its data.
func (s *Store) describe(ctx context.Context, program string) (*BackupManifest, error) {
	m := &BackupManifest{
		Format: backupFormat, Program: program, Database: s.dialect.name,
		EncryptionKeys: []string{}, AuditHeads: []ChainHead{}, Data: BackupData{Name: "skipup.db"},
	}
	version, err := s.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return nil, Errorf(FailedPrecondition, "The database %s is empty. Check its URL.", s.dialect.shown)
	}
	m.SchemaVersion = version
	if s.dialect.name == postgresql {
		m.Data.Name = "skipup.sql"
		if err := s.with(ctx).Raw("SELECT current_schema()").Scan(&m.Schema).Error; err != nil {
			return nil, fmt.Errorf("read the name of the schema: %w", err)
		}
	}
	if m.CreatedAt, err = s.databaseNow(ctx); err != nil {
		return nil, err
	}
	if m.AuditHeads, err = s.auditHeads(ctx); err != nil {
		return nil, err
	}
	m.EncryptionKeys, err = s.sealedWith(ctx)
	return m, err
}

// SchemaVersion returns the version of the schema of the database, or 0 if it is empty.
func (s *Store) SchemaVersion(ctx context.Context) (version int64, err error) {
	if !s.with(ctx).Migrator().HasTable("goose_db_version") {
		return 0, s.Ping(ctx)
	}
	err = s.with(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("read the version of the schema: %w", err)
	}
	return version, nil
}

// auditHeads returns the heads of all chains of audit events.
func (s *Store) auditHeads(ctx context.Context) ([]ChainHead, error) {
	heads := []ChainHead{}
	if !s.with(ctx).Migrator().HasTable(&auditChain{}) { // in an earlier version
		return heads, nil
	}
	var chains []auditChain
	if err := s.with(ctx).Order("chain").Find(&chains).Error; err != nil {
		return nil, fmt.Errorf("read audit chains: %w", err)
	}
	for _, chain := range chains {
		heads = append(heads, ChainHead{chain.Chain, chain.Seq, hex.EncodeToString(chain.Hash)})
	}
	return heads, nil
}

// sealedWith returns the fingerprints of the keys that encrypt the secrets in use, sorted.
func (s *Store) sealedWith(ctx context.Context) ([]string, error) {
	fingerprints := []string{}
	if !s.with(ctx).Migrator().HasTable(&webhookSecret{}) { // in an earlier version
		return fingerprints, nil
	}
	var names [][]byte
	err := s.with(ctx).Model(&webhookSecret{}).Where("expires_at IS NULL OR expires_at > ?", s.now()).
		Distinct().Pluck(fmt.Sprintf("substr(sealed, 2, %d)", keyNameLen), &names).Error
	if err != nil {
		return nil, fmt.Errorf("read the fingerprints of encryption keys: %w", err)
	}
	for _, name := range names {
		fingerprints = append(fingerprints, hex.EncodeToString(name))
	}
	slices.Sort(fingerprints)
	return fingerprints, nil
}

// digestWriter hashes and counts what it writes.
type digestWriter struct {
	io.Writer
	sha256 hash.Hash
	size   int64
}

func (w *digestWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.size += int64(n)
	_, _ = w.sha256.Write(p[:n]) // never fails
	return n, err
}

// progressReader reports what it reads, and stops when ctx is done.
type progressReader struct {
	io.Reader
	ctx      context.Context
	progress func(done int64)
	done     int64
}

func (r *progressReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	r.done += int64(n)
	r.progress(r.done)
	return n, err
}

// backupFile is an open backup.
type backupFile struct {
	manifest BackupManifest
	path     string
	archive  *zip.ReadCloser
	data     *zip.File
}

// openBackup opens a backup and reads its manifest. It returns FailedPrecondition if the file isn't a
// backup or isn't complete.
func openBackup(path string) (*backupFile, error) {
	archive, err := zip.OpenReader(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, Errorf(FailedPrecondition, "%s doesn't exist or can't be read.", path)
	}
	if err != nil {
		return nil, errNoBackup(path)
	}
	b := &backupFile{path: path, archive: archive}
	if err := b.readManifest(); err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	return b, nil
}

func errNoBackup(path string) error {
	return Errorf(FailedPrecondition, "%s isn't a SkipUp Keys backup, or it is incomplete or damaged. Use another backup.", path)
}

func (b *backupFile) readManifest() error {
	text, err := readEntry(&b.archive.Reader, backupManifest, maxManifest)
	if err != nil {
		return errNoBackup(b.path)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&b.manifest); err != nil {
		return errNoBackup(b.path)
	}
	for _, file := range b.archive.File {
		if file.Name == b.manifest.Data.Name {
			b.data = file
		}
	}
	if b.manifest.Format != backupFormat || b.data == nil {
		return errNoBackup(b.path)
	}
	return nil
}

// readEntry reads a small file of an archive.
func readEntry(archive *zip.Reader, name string, limit int64) ([]byte, error) {
	entry, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(entry, limit))
	return text, errors.Join(err, entry.Close())
}

// copyTo writes the data of the backup to w. It returns FailedPrecondition if the data isn't what the
// manifest describes, which is known only at the end.
func (b *backupFile) copyTo(ctx context.Context, w io.Writer, step string, progress Progress) error {
	data, err := b.data.Open()
	if err != nil {
		return errNoBackup(b.path)
	}
	defer func() { _ = data.Close() }()
	total := b.manifest.Data.Size
	read := &progressReader{Reader: data, ctx: ctx, progress: func(done int64) { progress(step, done, total) }}
	written := &digestWriter{Writer: w, sha256: sha256.New()}
	_, err = io.Copy(written, read)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(flate.CorruptInputError)):
		return errNoBackup(b.path)
	case err != nil:
		return err
	case written.size != total, hex.EncodeToString(written.sha256.Sum(nil)) != b.manifest.Data.SHA256:
		return errNoBackup(b.path)
	}
	return nil
}

// verifyBackup reads a whole backup.
func verifyBackup(ctx context.Context, path string, progress Progress) error {
	b, err := openBackup(path)
	if err != nil {
		return err
	}
	return errors.Join(b.copyTo(ctx, io.Discard, "Verifying", progress), b.archive.Close())
}
