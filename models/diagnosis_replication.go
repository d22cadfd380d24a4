package models

import (
	"context"
	"fmt"
)

// replication is how PostgreSQL replicates commits. Some settings of a managed server aren't visible.
type replication struct {
	Standbys          int    // that are connected, including a backup that is running
	SynchronousNames  string // synchronous_standby_names
	SynchronousCommit string // of this connection
}

// diagnoseReplication reports whether a failover to a standby could undo the deletion of a key.
func (s *Store) diagnoseReplication(ctx context.Context) Diagnosis {
	var r replication
	err := s.with(ctx).Raw(`SELECT (SELECT count(*) FROM pg_stat_replication) AS standbys,
		current_setting('synchronous_standby_names') AS synchronous_names, current_setting('synchronous_commit') AS synchronous_commit`).Scan(&r).Error
	if err != nil {
		return failed("replication", err)
	}
	return r.diagnose()
}

func (r replication) diagnose() Diagnosis {
	const check = "replication"
	isOnStandby := r.SynchronousCommit == "on" || r.SynchronousCommit == "remote_apply" || r.SynchronousCommit == "off" // which changes to keys override
	switch {
	case r.Standbys == 0 && r.SynchronousNames == "":
		return Diagnosis{Check: check, Level: LevelOK, Message: "PostgreSQL has no standby."}
	case r.SynchronousNames == "":
		return Diagnosis{check, LevelWarning, fmt.Sprintf("No standby of %d is synchronous, so a failover can undo the deletion of a key.", r.Standbys),
			"If one of them may become the primary, set synchronous_standby_names."}
	case !isOnStandby:
		return Diagnosis{check, LevelWarning, "synchronous_commit is " + r.SynchronousCommit + ", so a failover can undo the deletion of a key.", "Set synchronous_commit = on."}
	}
	return Diagnosis{Check: check, Level: LevelOK, Message: "Commits wait for a synchronous standby."}
}
