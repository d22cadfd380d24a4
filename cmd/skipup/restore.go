package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const (
	denySinceFlag = "deny-since"
	pauseKeysFlag = "pause-keys"
)

func (p *program) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the database by a backup",
		Long: `Replace the database by a backup that "skipup backup" created. Stop all nodes first. On SQLite, the
replaced database is kept next to the new one. On PostgreSQL, its tables are dropped.

A restore undoes everything that happened after the backup. API keys that were deleted since work
again, as do keys that were paused, and passwords that were changed. This command compares the backup
with the database that it replaces, and lists the deleted keys. --deny-since deletes them again. If
that database is lost, it is unknown which keys were deleted. --pause-keys then rejects all keys
until an admin resumes them, for at most 90 days.

Everyone must sign in again. Before the restore, this command says what it will replace, and asks.`,
		Example: `  skipup restore /var/backups/skipup-2026-11-30.zip --deny-since
  skipup restore skipup.zip --database sqlite:elsewhere/skipup.db --yes`,
		Args: oneFile,
	}
	var (
		options models.RestoreOptions
		yes     bool
		flags   = cmd.Flags()
	)
	flags.BoolVar(&options.DenySince, denySinceFlag, false, "delete the keys again that were deleted after the backup")
	flags.BoolVar(&options.PauseKeys, pauseKeysFlag, false, "pause all keys")
	flags.BoolVar(&yes, "yes", false, "don't ask")
	flags.BoolVar(&p.asJSON, "json", false, "print what was done as a JSON object")
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, args []string) (err error) {
		if _, terminal := terminalOf(p.stdin); !terminal && !yes {
			return usageErrors{"standard input isn't a terminal, so it can't confirm the restore; use --yes"}
		}
		if options.EncryptionKeys, err = readEncryptionKeys(s); err != nil {
			return err
		}
		options.AllowUnreadable = bool(s.AllowUnreadable)
		return p.restoreFrom(ctx, s, args[0], options, yes)
	}, databaseOption, encryptionKeyOption, allowUnreadableOption)
}

func (p *program) restoreFrom(ctx context.Context, s settings, file string, o models.RestoreOptions, yes bool) (err error) {
	show, end := p.progress(countBytes)
	defer end()
	o.Progress = show
	acting := models.WithActor(ctx, operator)
	r, err := models.PrepareRestore(acting, string(s.Database), file, o)
	if err != nil {
		return orFailure(ctx, "can't restore the backup", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	end()
	p.printErrf("%s", planText(r))
	if warning := warningText(r, o); warning != "" {
		p.printErrf("\n%s", warning)
	}
	if !yes {
		if err := p.confirm(ctx, "\nRestore the backup? Enter yes: "); err != nil {
			return err
		}
	}
	done, err := r.Run(acting)
	end()
	if err != nil {
		return orFailure(ctx, "can't restore the backup", err)
	}
	return p.print(newRestored(r, done), "%s", doneText(r, done))
}

// confirm asks for a yes at the terminal. Any other answer cancels the command.
func (p *program) confirm(ctx context.Context, question string) error {
	_, _ = fmt.Fprint(p.stderr, question)
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(p.stdin).ReadString('\n') })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.TrimSpace(answer) != "yes" {
		return models.Errorf(models.FailedPrecondition, "Canceled. Nothing was changed.")
	}
	return nil
}

func planText(r *models.Restore) string {
	m := r.Manifest
	lines := []string{fmt.Sprintf("Backup of %s by %s: schema version %d, %s.", timeText(m.CreatedAt), m.Program, m.SchemaVersion, eventsText(m.AuditHeads))}
	switch {
	case !r.Replaces.Exists:
		lines = append(lines, "It becomes the database "+r.Database+", which is empty.")
	case !r.Replaces.Readable:
		lines = append(lines, "It replaces the database "+r.Database+", which can't be read.")
	default:
		lines = append(lines, fmt.Sprintf("It replaces the database %s, which has %d audit events since the backup.", r.Database, r.Replaces.EventsSince))
	}
	if r.Replaces.Readable && !r.Replaces.Continues {
		lines = append(lines, "WARNING: That database isn't the one of the backup, or it has itself been restored since: its audit log lacks events of the backup.")
	}
	return strings.Join(lines, "\n")
}

func timeText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// warningText returns a warning of keys that were deleted after the backup, or "" if there are none.
func warningText(r *models.Restore, o models.RestoreOptions) string {
	switch deleted := r.Replaces.Deleted; {
	case !r.Replaces.Readable && o.PauseKeys:
		return ""
	case !r.Replaces.Readable:
		return "WARNING: API keys that were deleted after the backup will work again. Without the database that was in use since, it is unknown which. To pause all keys, use --" + pauseKeysFlag + "."
	case len(deleted) == 0:
		return ""
	default:
		lines := []string{"WARNING: These API keys were deleted after the backup, and will work again unless you use --" + denySinceFlag + ":"}
		if o.DenySince {
			lines[0] = "These API keys were deleted after the backup, and will be deleted again:"
		}
		for _, key := range deleted {
			lines = append(lines, fmt.Sprintf("  %s  %s  deleted %s  %s", key.ID, key.KeyPrefix, timeText(key.DeletedAt), key.Name))
		}
		return strings.Join(lines, "\n")
	}
}

func doneText(r *models.Restore, done models.Restored) string {
	lines := []string{fmt.Sprintf("Restored %s to the state of %s.", r.Database, timeText(r.Manifest.CreatedAt))}
	if done.Kept != "" {
		lines = append(lines, "The replaced database is "+done.Kept+". Delete it when you no longer need it.")
	}
	if done.Denied > 0 {
		lines = append(lines, fmt.Sprintf("Deleted keys: %d.", done.Denied))
	}
	if done.Paused > 0 {
		lines = append(lines, fmt.Sprintf("Paused keys: %d. Resume those that should work.", done.Paused))
	}
	return strings.Join(append(lines, "Start the server. Everyone must sign in again."), "\n")
}

// restoredDatabase is a restore as printed.
type restoredDatabase struct {
	Database      string              `json:"database"`
	BackupOf      time.Time           `json:"backup_of"`
	Kept          *string             `json:"kept"`
	DeletedKnown  bool                `json:"deleted_since_known"`
	DeletedSince  []models.DeletedKey `json:"deleted_since"`
	DeletedAgain  int                 `json:"deleted_again"`
	Paused        int                 `json:"paused"`
	ContinuesFrom bool                `json:"replaced_continues_backup"`
}

func newRestored(r *models.Restore, done models.Restored) restoredDatabase {
	return restoredDatabase{
		r.Database, r.Manifest.CreatedAt, orNull(done.Kept), r.Replaces.Readable, append([]models.DeletedKey{}, r.Replaces.Deleted...),
		done.Denied, done.Paused, r.Replaces.Continues,
	}
}
