package models

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skipup/keys/models/migrations"
)

// RestoreOptions configure a restore.
type RestoreOptions struct {
	EncryptionKeys  [][]byte // that the server will use
	AllowUnreadable bool     // restore even if an encryption key is missing
	DenySince       bool     // delete the keys again that were deleted after the backup
	PauseKeys       bool     // pause all keys
	Progress        Progress // may be nil
}

// Restore replaces a database by a backup. Nothing is replaced until Run.
type Restore struct {
	Manifest BackupManifest
	Database string   // the URL of the database that it replaces, without user and password
	Replaces Replaced // what is in that database

	url     string
	dialect dialect
	backup  *backupFile
	draft   string // on SQLite, the path of the database to restore
	options RestoreOptions
}

// Replaced describes a database that a restore replaces.
type Replaced struct {
	Exists   bool // there is one, which isn't empty
	Readable bool
	// Continues reports whether it has the last audit events of the backup, and EventsSince how many it has
	// after them.
	Continues   bool
	EventsSince int64
	// Deleted are the keys that are deleted in it and work in the backup.
	Deleted []DeletedKey
}

// DeletedKey is a key that was deleted after a backup.
type DeletedKey struct {
	ID          string    `json:"id"`
	WorkspaceID string    `json:"workspace_id"`
	Name        string    `json:"name"`
	KeyPrefix   string    `json:"key_prefix"`
	DeletedAt   time.Time `json:"deleted_at"`
}

// Restored describes a finished restore.
type Restored struct {
	Kept    string // where the replaced database is kept; empty if it isn't
	Denied  int    // number of keys that were deleted again
	Paused  int    // number of keys that were paused
	Applied []Migration
}

// PrepareRestore checks a backup, and what a restore to the database at a URL would replace. It returns
// FailedPrecondition if the backup can't be restored, or if a node is running. Call Close in the end.
func PrepareRestore(ctx context.Context, databaseURL, file string, o RestoreOptions) (_ *Restore, err error) {
	o.Progress = orIgnored(o.Progress)
	d, err := dialectOf(databaseURL)
	if err != nil {
		return nil, err
	}
	b, err := openBackup(file)
	if err != nil {
		return nil, err
	}
	r := &Restore{Manifest: b.manifest, Database: d.shown, url: databaseURL, dialect: d, backup: b, options: o}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close removes temporary files.
func (r *Restore) Close() error {
	err := r.backup.archive.Close()
	if r.draft != "" {
		err = errors.Join(err, removeSQLite(r.draft))
	}
	return err
}

func (r *Restore) prepare(ctx context.Context) error {
	if err := r.checkManifest(); err != nil {
		return err
	}
	prepare := r.preparePostgreSQL
	if r.dialect.name == sqlite {
		prepare = r.prepareSQLite
	}
	if err := prepare(ctx); err != nil {
		return err
	}
	if r.options.DenySince && !r.Replaces.Readable {
		return Errorf(FailedPrecondition, "There is no readable database at %s, so it is unknown which keys were deleted after the backup. To reject all keys until an admin resumes them, use --pause-keys instead of --deny-since.", r.Database)
	}
	return nil
}

// checkManifest returns FailedPrecondition if the backup doesn't fit this program and its settings.
func (r *Restore) checkManifest() error {
	m := r.Manifest
	if m.Database != r.dialect.name {
		return Errorf(FailedPrecondition, "This is a backup of a %s database, which can't be restored to %s. Check --database (DATABASE_URL).", m.Database, r.Database)
	}
	if latest := LatestSchema(); m.SchemaVersion > latest {
		return Errorf(FailedPrecondition, "The backup has schema version %d, and this version of skipup supports %d. Use %s or later.", m.SchemaVersion, latest, m.Program)
	}
	known, err := newSealer(r.options.EncryptionKeys)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(m.EncryptionKeys), known.has)
	if len(missing) > 0 && !r.options.AllowUnreadable {
		return Errorf(FailedPrecondition, "The backup has webhook secrets that are encrypted with the key with the fingerprint %s, which isn't configured. "+
			"Set SKIPUP_ENCRYPTION_KEY, or, on SQLite, copy the key file of the original database to %s. If the key is lost, use --allow-unreadable-secrets=true.",
			strings.Join(missing, ", "), r.keyFile())
	}
	return nil
}

func (r *Restore) keyFile() string {
	if r.dialect.name == sqlite {
		return r.dialect.file.path + ".key"
	}
	return "PATH.key"
}

// has reports whether the sealer has the key with a fingerprint.
func (s sealer) has(fingerprint string) bool {
	return slices.ContainsFunc(s.keys, func(k sealingKey) bool { return k.fingerprint() == fingerprint })
}

// LatestSchema returns the version of the schema that this program uses.
func LatestSchema() int64 { return latestSchema() }

var latestSchema = sync.OnceValue(func() (latest int64) {
	files, _ := fs.Glob(migrations.FS, sqlite+"/*.sql") // the pattern is valid
	for _, file := range files {
		number, _, _ := strings.Cut(path.Base(file), "_")
		version, _ := strconv.ParseInt(number, 10, 64) // goose requires a number
		latest = max(latest, version)
	}
	for version := range (&Store{}).codeMigrations() {
		latest = max(latest, version)
	}
	return latest
})

// compare fills in r.Replaces from the database that the restore replaces. EachLive calls its argument with the
// ID of each key that works in the backup.
func (r *Restore) compare(ctx context.Context, current *Store, eachLive func(live func(id string)) error) error {
	deleted, err := current.deletedKeys(ctx)
	if err != nil {
		return err
	}
	isLive := make(map[string]bool, len(deleted))
	for _, key := range deleted {
		isLive[key.ID] = false
	}
	err = eachLive(func(id string) {
		if _, deleted := isLive[id]; deleted {
			isLive[id] = true
		}
	})
	if err != nil {
		return err
	}
	r.Replaces.Deleted = slices.DeleteFunc(deleted, func(k DeletedKey) bool { return !isLive[k.ID] })
	r.Replaces.Continues, r.Replaces.EventsSince, err = current.eventsSince(ctx, r.Manifest.AuditHeads)
	r.Replaces.Readable = err == nil
	return err
}

// unfinishedRestore is a table with the deleted keys of a PostgreSQL database that a restore has replaced.
// It exists until the restore is done.
const unfinishedRestore = "unfinished_restore"

// deletedKeys returns the keys that are deleted, by ID, including those in a database that an unfinished restore
// has replaced.
func (s *Store) deletedKeys(ctx context.Context) (deleted []DeletedKey, err error) {
	for _, table := range []string{"api_keys", unfinishedRestore} {
		if !s.with(ctx).Migrator().HasTable(table) {
			continue
		}
		var keys []DeletedKey
		err := s.with(ctx).Table(table).Select("id, workspace_id, name, key_prefix, deleted_at").
			Where("deleted_at IS NOT NULL").Find(&keys).Error
		if err != nil {
			return nil, fmt.Errorf("read deleted API keys: %w", err)
		}
		deleted = append(deleted, keys...)
	}
	slices.SortStableFunc(deleted, func(a, b DeletedKey) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), a.DeletedAt.Compare(b.DeletedAt))
	})
	return slices.CompactFunc(deleted, func(a, b DeletedKey) bool { return a.ID == b.ID }), nil
}

// eventsSince reports whether the audit log has all heads, and returns how many events it has after them.
func (s *Store) eventsSince(ctx context.Context, heads []ChainHead) (continues bool, events int64, err error) {
	now, err := s.auditHeads(ctx)
	if err != nil {
		return false, 0, err
	}
	for _, head := range now {
		events += head.Events
	}
	continues = true
	for _, head := range heads {
		events -= head.Events
		if head.Events == 0 {
			continue
		}
		var hashes [][]byte
		err := s.with(ctx).Model(&AuditEvent{}).Where("coalesce(workspace_id, '') = ? AND seq = ?", head.WorkspaceID, head.Events).Pluck("hash", &hashes).Error
		if err != nil {
			return false, 0, fmt.Errorf("read audit events: %w", err)
		}
		continues = continues && len(hashes) == 1 && hex.EncodeToString(hashes[0]) == head.Hash
	}
	return continues, max(0, events), nil
}

// Run replaces the database. On SQLite, it does so at once, in the end. On PostgreSQL, no node can start
// until all of it is done; if it is interrupted, run it again.
func (r *Restore) Run(ctx context.Context) (done Restored, err error) {
	if r.dialect.name == sqlite {
		return r.runSQLite(ctx)
	}
	return r.runPostgreSQL(ctx)
}

// finish prepares a restored database for use.
func (r *Restore) finish(ctx context.Context, s *Store) (done Restored, err error) {
	if done.Applied, err = s.migrate(ctx); err != nil {
		return done, err
	}
	err = s.Tx(ctx, func(tx *Store) error {
		var changed []*APIKey
		if r.options.DenySince {
			if changed, err = tx.denyKeys(ctx, r.Replaces.Deleted); err != nil {
				return err
			}
			done.Denied = len(changed)
		}
		if r.options.PauseKeys {
			paused, err := tx.pauseAllKeys(ctx)
			if err != nil {
				return err
			}
			done.Paused, changed = len(paused), append(changed, paused...)
		}
		if err := tx.recordRestore(ctx, r.Manifest); err != nil {
			return err
		}
		return tx.startHistory(ctx, changed)
	})
	return done, err
}

// denyKeys deletes keys that were deleted before the restore.
func (s *Store) denyKeys(ctx context.Context, keys []DeletedKey) (denied []*APIKey, err error) {
	for _, key := range keys {
		rows, err := s.lockForDeletion(ctx, key.WorkspaceID, []string{key.ID})
		if err != nil {
			return nil, err
		}
		marked, err := s.markDeleted(ctx, rows, []string{key.ID}, "deleted after the backup that was restored")
		if err != nil {
			return nil, fmt.Errorf("delete API key %s: %w", key.ID, err)
		}
		denied = append(denied, marked...)
	}
	return denied, nil
}

// pauseAllKeys pauses all keys that work, for as long as possible.
func (s *Store) pauseAllKeys(ctx context.Context) (paused []*APIKey, err error) {
	var keys []APIKey
	if err := s.with(ctx).Where("deleted_at IS NULL").Order("id").Find(&keys).Error; err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	now := s.now()
	for _, key := range keys {
		if key.IsScheduledForDeletion() || key.expiredAt(now) {
			continue
		}
		marked, err := s.markPaused(ctx, key.WorkspaceID, key.ID, wholeSecond(now.Add(MaxPause-time.Second)))
		if err != nil {
			return nil, fmt.Errorf("pause API key %s: %w", key.ID, err)
		}
		paused = append(paused, marked)
	}
	return paused, nil
}

// recordRestore records a restore, and signs everyone out, because sessions that have been ended since the
// backup would be valid again.
func (s *Store) recordRestore(ctx context.Context, m BackupManifest) error {
	for _, table := range []string{"sessions", "pending_sign_ins", "passkey_challenges"} {
		if err := s.with(ctx).Exec("DELETE FROM " + table).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	if s.dialect.name == postgresql {
		if err := s.with(ctx).Exec("DROP TABLE " + unfinishedRestore).Error; err != nil {
			return fmt.Errorf("finish the restore: %w", err)
		}
	}
	err := s.audit(ctx, "", "database.restored", target{"database", "1", "database"}, map[string]string{"backup_of": m.CreatedAt.Format(time.RFC3339)})
	return cmp.Or(err, s.flush(ctx))
}

// The statements of migrations that create something.
var (
	createdTable    = regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	createdFunction = regexp.MustCompile(`(?i)CREATE (?:OR REPLACE )?FUNCTION (\w+)`)
)

// created returns the names of what migrations of PostgreSQL create.
func created(kind *regexp.Regexp) (names []string) {
	files, _ := fs.Glob(migrations.FS, postgresql+"/*.sql") // the pattern is valid
	for _, file := range files {
		text, _ := fs.ReadFile(migrations.FS, file) // it is embedded
		for _, found := range kind.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	return names
}
