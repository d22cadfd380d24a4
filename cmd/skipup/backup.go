package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up the database to a file",
		Long: `Back up the database to a file, while servers use it. The file contains the state at one moment. Its
format is ZIP, with a SQLite database or an SQL script and a manifest. It has mode 0600.

On PostgreSQL, this command needs pg_dump, of the server's version or later.

The backup doesn't contain the encryption key of webhook secrets. Keep that key in another place. To
restore the backup, use "skipup restore".`,
		Example: `  skipup backup /var/backups/skipup-$(date +%F).zip
  DATABASE_URL=postgres://skipup:PASSWORD@db.internal/skipup skipup backup skipup.zip`,
		Args: oneFile,
	}
	var force bool
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print the manifest of the backup as a JSON object")
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, args []string) error {
		return p.backUp(ctx, s, args[0], force)
	}, databaseOption)
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("specify the name of one file")
	}
	return nil
}

func (p *program) backUp(ctx context.Context, s settings, path string, force bool) (err error) {
	store, err := openUnmigrated(s, models.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	show, end := p.progress(countBytes)
	start := time.Now()
	m, err := store.Backup(ctx, path, models.BackupOptions{Program: versionText(), Replace: force, Progress: show})
	end()
	if err != nil {
		return orFailure(ctx, "can't back up the database", err)
	}
	if p.asJSON {
		return p.printJSON(m)
	}
	info, err := os.Stat(path)
	if err != nil {
		return failf("can't read the backup: %w", err)
	}
	return p.printf("Backed up %s to %s (%s) in %s. Schema version %d, %s.\n%s", store.Database(), path, sizeText(info.Size()),
		time.Since(start).Round(10*time.Millisecond), m.SchemaVersion, eventsText(m.AuditHeads), encryptionText(m.EncryptionKeys))
}

// openUnmigrated opens an existing database without running migrations.
func openUnmigrated(s settings, options models.Options) (*models.Store, error) {
	if path, isSQLite := models.SQLiteFile(string(s.Database)); isSQLite {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) { // SQLite would create it
			return nil, failf("there is no database at %s; check %s", path, databaseOption.name())
		}
	}
	store, err := models.Open(string(s.Database), options)
	if err != nil {
		return nil, openError(s, failf("can't open the database; check %s: %w", databaseOption.name(), err))
	}
	return store, nil
}

// orFailure returns err, as a failure with a text unless it is for the operator already.
func orFailure(ctx context.Context, text string, err error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	if errors.As(err, new(*models.Error)) {
		return err
	}
	return failf("%s: %w", text, err)
}

func eventsText(heads []models.ChainHead) string {
	var events int64
	for _, head := range heads {
		events += head.Events
	}
	if events == 1 {
		return "1 audit event"
	}
	return fmt.Sprintf("%d audit events", events)
}

// sizeText returns a size in bytes as people read it.
func sizeText(size int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	number, unit := float64(size), 0
	for ; number >= 1000 && unit < len(units)-1; unit++ {
		number /= 1000
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", size)
	}
	return fmt.Sprintf("%.1f %s", number, units[unit])
}

func encryptionText(fingerprints []string) string {
	if len(fingerprints) == 0 {
		return "It has no encrypted secrets."
	}
	return "To restore it, you also need the encryption key with the fingerprint " + strings.Join(fingerprints, ", ") + ", which it doesn't contain."
}
