package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/outage"
)

// worker does background work until ctx ends, then finishes what it has begun.
type worker func(ctx context.Context)

// startWorkers runs workers until stop is called. They outlive ctx, because open requests need
// them while the server stops. Stop waits until all of them have finished.
func startWorkers(ctx context.Context, workers ...worker) (stop func()) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	for _, work := range workers {
		group.Go(func() { work(running) })
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// workers returns the workers of a server.
func (srv *server) workers(store *models.Store, gate *web.KeyGate) []worker {
	conditions, log := srv.conditions, srv.log
	return []worker{
		gate.Run, srv.webhookWorker(store), srv.mailWorker(store), srv.certificates.watch,
		cleanupWorker(store, log), deletionWorker(store, log), scheduledDeletionWorker(store, log), reminderWorker(store, log), newCallerWorker(store, log),
		upgradeWorker(store, conditions, log), databaseWorker(store, conditions, log), usageWorker(gate.UsageAge, conditions, log), secretsWorker(store, conditions, log),
		reserveWorker(store, log), optimizeWorker(store, log),
	}
}

// repeat returns a worker that calls do at once and then once per interval. It logs when do begins to fail,
// as a failure to do task, such as "send reminders", and when it works again.
func repeat(interval time.Duration, log *slog.Logger, task string, do func(context.Context) error) worker {
	return func(ctx context.Context) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		var state outage.Log
		for ctx.Err() == nil {
			if err := do(ctx); ctx.Err() == nil {
				state.Report(log, task, err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
}

// deletionWorker returns a worker that finishes interrupted deletions.
func deletionWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Minute, log, "finish interrupted deletions", func(ctx context.Context) error {
		_, err := store.FinishDeletions(ctx)
		return err
	})
}

// scheduledDeletionWorker returns a worker that deletes keys when their scheduled deletion is due, at most a
// minute late.
func scheduledDeletionWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Minute, log, "delete keys as scheduled", func(ctx context.Context) error {
		_, err := store.DeleteScheduledKeys(ctx)
		return err
	})
}

// upgradeWorker returns a worker that reports an upgrade that isn't finished.
func upgradeWorker(store *models.Store, conditions *web.Conditions, log *slog.Logger) worker {
	return repeat(time.Minute, log, "read the lease", func(ctx context.Context) error {
		lease, err := store.Lease(ctx)
		sentence := ""
		if lease.Upgrading {
			sentence = "Changes to keys wait for a lease, because nodes of an earlier version may be running. Once all nodes run this version, run: skipup nodes finish-upgrade"
		}
		if err == nil {
			conditions.Report("upgrade", sentence)
		}
		return err
	})
}

// cleanupWorker returns a worker that encrypts secrets with the current key, purges expired rows, and removes
// workspaces that were deleted long ago.
func cleanupWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Hour, log, "clean up the database", func(ctx context.Context) error {
		_, sealErr := store.ResealSecrets(ctx)
		return errors.Join(sealErr, store.PurgeExpired(ctx), store.PurgeDeletedWorkspaces(ctx))
	})
}

// reminderWorker returns a worker that sends reminders of expiring keys, at most a minute late.
func reminderWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Minute, log, "send reminders of expiring keys", func(ctx context.Context) error {
		_, err := store.RemindOfExpiry(ctx)
		return err
	})
}

// newCallerWorker returns a worker that notifies people about new callers of keys, at most a minute late.
func newCallerWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Minute, log, "notify about new callers", func(ctx context.Context) error {
		_, err := store.NotifyOfNewCallers(ctx)
		return err
	})
}

// databaseWorker returns a worker that reports a SQLite file that was deleted or replaced.
func databaseWorker(store *models.Store, conditions *web.Conditions, log *slog.Logger) worker {
	return repeat(time.Second, log, "check the database file", func(context.Context) error {
		sentence := ""
		if err := store.CheckFile(); err != nil {
			sentence = models.OutageCause(err)
		}
		conditions.Report("database_file", sentence)
		return nil
	})
}

// optimizeWorker returns a worker that keeps a SQLite database fast and its files small.
func optimizeWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(5*time.Minute, log, "optimize the database", store.Optimize)
}

// reserveWorker returns a worker that keeps the reserve of disk space for deletions.
func reserveWorker(store *models.Store, log *slog.Logger) worker {
	return repeat(time.Minute, log, "reserve disk space for deletions", func(context.Context) error { return store.KeepReserve() })
}

// maxUsageAge is three times the longest interval between flushes of usage.
const maxUsageAge = 30 * time.Second

// usageWorker returns a worker that reports usage that is not stored in time. Age returns how long ago
// all counts were stored.
func usageWorker(age func() time.Duration, conditions *web.Conditions, log *slog.Logger) worker {
	return repeat(time.Second, log, "check the age of usage", func(context.Context) error {
		sentence := ""
		if age() > maxUsageAge {
			sentence = "Usage of API keys has not been stored for more than 30 seconds, so a crash of this node would lose it. Check that the database is available and not overloaded."
		}
		conditions.Report("usage_not_stored", sentence)
		return nil
	})
}
