package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// ticksPerSecond is USER_HZ, which is 100 on every architecture of Linux that Go supports (proc_pid_stat(5)).
const ticksPerSecond = 100

// clusterTime returns the processor time that all processes of the PostgreSQL server on this machine have
// used, including those that have ended.
func clusterTime(ctx context.Context) (total time.Duration, err error) {
	postmaster, err := postmasterPID(ctx)
	if err != nil {
		return 0, err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the third one, the state
		own := strings.HasPrefix(string(text), postmaster+" ")
		if !own && fields[1] != postmaster {
			continue
		}
		times := fields[11:13] // of itself
		if own {
			times = fields[11:15] // and of its children that have ended
		}
		for _, field := range times {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", path, err)
			}
			total += time.Duration(ticks) * time.Second / ticksPerSecond
		}
	}
	return total, nil
}

// postmasterPID returns the ID of the first process of the PostgreSQL server.
func postmasterPID(ctx context.Context) (pid string, err error) {
	db, err := sql.Open("pgx", "postgres:///")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRowContext(ctx, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").Scan(&pid); err != nil {
		return "", fmt.Errorf("read the process of PostgreSQL: %w", err)
	}
	return pid, nil
}
