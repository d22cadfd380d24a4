package models

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Level is how urgent a Diagnosis is.
type Level string

// The levels of diagnoses.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// Diagnosis is the result of one check of an installation.
type Diagnosis struct {
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"` // empty if the level is LevelOK
}

// Diagnose checks the database, and returns at least one diagnosis for each check. It changes nothing.
func (s *Store) Diagnose(ctx context.Context) []Diagnosis {
	if err := s.Ping(ctx); err != nil {
		return []Diagnosis{{"database", LevelError, strings.TrimSuffix(OutageCause(err), ".") + ": " + err.Error(), "Check that the database is running, and its URL."}}
	}
	findings := s.diagnoseDatabase(ctx)
	schema, current := s.diagnoseSchema(ctx)
	findings = append(findings, schema)
	if !current { // other tables may be missing
		return findings
	}
	findings = append(findings, s.diagnoseSecrets(ctx), s.diagnoseClock(ctx), s.diagnoseLease(ctx), s.diagnoseNodes(ctx))
	if s.dialect.name == postgresql {
		findings = append(findings, s.diagnoseConnections(ctx), s.diagnoseReplication(ctx))
	}
	return findings
}

func failed(check string, err error) Diagnosis {
	return Diagnosis{check, LevelError, "The check failed: " + err.Error(), "Check the database and its log."}
}

func (s *Store) diagnoseDatabase(ctx context.Context) []Diagnosis {
	if s.dialect.name == sqlite {
		return s.diagnoseSQLite(ctx)
	}
	return s.diagnosePostgreSQL(ctx)
}

// largeWAL is a size that the write-ahead log reaches only if something keeps it from being reset.
const largeWAL = 4 * maxWAL

func (s *Store) diagnoseSQLite(ctx context.Context) []Diagnosis {
	var result string
	if err := s.with(ctx).Raw("PRAGMA quick_check(1)").Scan(&result).Error; err != nil {
		return []Diagnosis{failed("database", err)}
	}
	if result != "ok" {
		return []Diagnosis{{"database", LevelError, s.dialect.file.path + " is damaged: " + result, "Restore it from a backup with \"skipup restore\"."}}
	}
	findings := []Diagnosis{{Check: "database", Level: LevelOK, Message: s.Database() + " is intact."}}
	if info, err := os.Stat(s.dialect.file.path + "-wal"); err == nil && info.Size() > largeWAL {
		findings = append(findings, Diagnosis{
			"database", LevelWarning, fmt.Sprintf("The write-ahead log has %d MB.", info.Size()>>20), "End programs that keep the database open for reading, such as a shell of sqlite3.",
		})
	}
	return findings
}

func (s *Store) diagnosePostgreSQL(ctx context.Context) []Diagnosis {
	var settings struct {
		Version                 int
		Fsync, Encoding, Locale string
	}
	err := s.with(ctx).Raw(`SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
		pg_encoding_to_char(encoding) AS encoding, datctype AS locale FROM pg_database WHERE datname = current_database()`).Scan(&settings).Error
	if err != nil {
		return []Diagnosis{failed("database", err)}
	}
	var findings []Diagnosis
	add := func(found bool, level Level, message, remedy string) {
		if found {
			findings = append(findings, Diagnosis{"database", level, message, remedy})
		}
	}
	add(settings.Version < 140000, LevelError, "The server is older than PostgreSQL 14.", "Upgrade PostgreSQL.")
	add(settings.Fsync == "off", LevelError, "fsync is off, so a crash can undo the deletion of a key.", "Set fsync = on.")
	add(settings.Encoding != "UTF8", LevelWarning, "The encoding is "+settings.Encoding+", so some names can't be stored.", "Create a database with the encoding UTF8, and restore a backup to it.")
	add(settings.Locale == "C" || settings.Locale == "POSIX", LevelWarning, "The locale is "+settings.Locale+", so search is case-sensitive beyond ASCII.", "Create a database with another locale, such as C.UTF-8, and restore a backup to it.")
	_, err = exec.LookPath("pg_dump")
	add(err != nil, LevelWarning, "pg_dump isn't installed on this machine, so \"skipup backup\" can't run here.", "Install PostgreSQL's client programs (Debian: postgresql-client).")
	if len(findings) == 0 {
		findings = []Diagnosis{{Check: "database", Level: LevelOK, Message: s.Database() + " responds."}}
	}
	return findings
}

// diagnoseSchema also reports whether the schema is that of this program.
func (s *Store) diagnoseSchema(ctx context.Context) (found Diagnosis, current bool) {
	if err := s.requireRestored(ctx); err != nil {
		return Diagnosis{"schema", LevelError, err.Error(), "Run \"skipup restore\" again."}, false
	}
	version, err := s.SchemaVersion(ctx)
	latest := LatestSchema()
	switch {
	case err != nil:
		return failed("schema", err), false
	case version == 0:
		return Diagnosis{"schema", LevelWarning, "The database is empty.", "Check the database URL. If this is a new installation, start the server."}, false
	case version < latest:
		return Diagnosis{"schema", LevelWarning, fmt.Sprintf("The schema has version %d, and this program uses %d.", version, latest), "Back up the database, then run \"skipup migrate\" or start the server."}, false
	case version > latest:
		level := LevelWarning
		if err := s.requireSupported(ctx); err != nil {
			level = LevelError
		}
		return Diagnosis{"schema", level, fmt.Sprintf("The schema has version %d, and this program knows only %d.", version, latest), "Upgrade this program."}, false
	}
	return Diagnosis{Check: "schema", Level: LevelOK, Message: fmt.Sprintf("The schema has the current version, %d.", version)}, true
}

func (s *Store) diagnoseSecrets(ctx context.Context) Diagnosis {
	const check = "encryption_key"
	unreadable, err := s.UnreadableSecrets(ctx)
	if err != nil {
		return failed(check, err)
	}
	if what := unreadable.String(); what != "" {
		return Diagnosis{check, LevelError, strings.ToUpper(what[:1]) + what[1:] + " can't be decrypted.",
			"Restore the encryption key (SKIPUP_ENCRYPTION_KEY or the key file). Otherwise, rotate the secrets of the endpoints, and reset the second factors (skipup user reset-second-factor)."}
	}
	if len(s.sealer.keys) == 0 {
		return Diagnosis{check, LevelWarning, "There is no encryption key yet, so no webhooks or second factors can be created.", "On SQLite, start the server once. On PostgreSQL, set SKIPUP_ENCRYPTION_KEY on all nodes."}
	}
	return Diagnosis{Check: check, Level: LevelOK, Message: "The key with the fingerprint " + s.sealer.keys[0].fingerprint() + " is used, and all secrets can be decrypted."}
}

// fingerprint returns the fingerprint of the key as in manifests of backups.
func (k sealingKey) fingerprint() string { return hex.EncodeToString(k.name[:]) }

// maxSkew is the difference between clocks above which keys visibly expire too early or too late.
const maxSkew = time.Second

func (s *Store) diagnoseClock(ctx context.Context) Diagnosis {
	const check, remedy = "clock", "Synchronize the clocks, for example with NTP."
	start := s.now()
	database, err := s.databaseNow(ctx)
	if err != nil {
		return failed(check, err)
	}
	var last AuditEvent
	if err := s.with(ctx).Order("created_at DESC").Limit(1).Find(&last).Error; err != nil {
		return failed(check, err)
	}
	end := s.now()
	switch {
	case database.Before(start.Add(-maxSkew)):
		return Diagnosis{check, LevelError, fmt.Sprintf("This machine's clock is %v ahead of the database's.", start.Sub(database)), remedy}
	case database.After(end.Add(maxSkew)):
		return Diagnosis{check, LevelError, fmt.Sprintf("This machine's clock is %v behind the database's.", database.Sub(end)), remedy}
	case last.CreatedAt.After(end.Add(maxSkew)):
		return Diagnosis{check, LevelError, fmt.Sprintf("The last audit event is from %s, which is in the future.", last.CreatedAt.UTC().Format(time.RFC3339)), remedy}
	}
	return Diagnosis{Check: check, Level: LevelOK, Message: "The clock agrees with the database."}
}

func (s *Store) diagnoseLease(ctx context.Context) Diagnosis {
	lease, err := s.Lease(ctx)
	switch {
	case err != nil:
		return failed("lease", err)
	case lease.Upgrading:
		return Diagnosis{"lease", LevelWarning, fmt.Sprintf("Every change to a key waits %s, because nodes of an earlier version may be running.", lease.ChangeTime()), "Once all nodes run this version, run \"skipup nodes finish-upgrade\"."}
	}
	return Diagnosis{Check: "lease", Level: LevelOK, Message: fmt.Sprintf("The lease is %s.", lease.Length)}
}

func (s *Store) diagnoseNodes(ctx context.Context) Diagnosis {
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return failed("nodes", err)
	}
	lease, err := s.Lease(ctx)
	if err != nil {
		return failed("nodes", err)
	}
	versions := map[string]bool{}
	for _, node := range nodes {
		if strings.HasPrefix(node.Version, ServerVersion) { // services are upgraded on their own
			versions[node.Version] = true
		}
		if node.AppliedEpoch < lease.Epoch {
			return Diagnosis{"nodes", LevelWarning, fmt.Sprintf("The node %s hasn't confirmed %d changes to keys.", node.Name, lease.Epoch-node.AppliedEpoch), "Check that it runs and can reach the database. The next change to a key removes it from the list if it doesn't respond."}
		}
	}
	if len(versions) > 1 {
		return Diagnosis{"nodes", LevelWarning, fmt.Sprintf("The servers run %d different versions.", len(versions)), "Finish the upgrade. \"skipup nodes list\" shows the versions."}
	}
	return Diagnosis{Check: "nodes", Level: LevelOK, Message: fmt.Sprintf("Registered nodes: %d. All have confirmed every change to keys.", len(nodes))}
}

// CallerAddresses returns up to 100 IP addresses of callers that were seen since a time.
func (s *Store) CallerAddresses(ctx context.Context, since time.Time) (addresses []string, err error) {
	err = s.with(ctx).Model(&APIKeyCaller{}).Where("last_seen_at >= ? AND address <> ''", since).Distinct().Limit(100).Pluck("address", &addresses).Error
	if err != nil {
		return nil, fmt.Errorf("read callers: %w", err)
	}
	return addresses, nil
}
