package models_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// The node holds the lock that all changes need.
func TestNodeLostInATransactionDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	lost := s.Another(t)
	pool, err := lost.DB().DB()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec("UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_lost' WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation); err != nil {
		t.Errorf("delete a key: %v", err)
	}
	if err := tx.Commit(); err == nil {
		t.Error("the transaction of the lost node is committed, want it ended by the database")
	}
}

func TestChangeThatCannotGetTheLockChangesNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	unlock := s.Begin(t, "UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_slow' WHERE id = 1")
	wantUnchanged(t, s.Store, func() {
		start := time.Now()
		_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
		if !models.IsUnavailable(err) {
			t.Errorf("error = %v after %v, want one that says that the database is unavailable", err, time.Since(start))
		}
		modelstest.Equal(t, "cause", models.OutageCause(err), "The database is busy.")
	})
	unlock()
}

// Listening tells a node about changes by other processes. Through a connection pooler in transaction
// mode, it doesn't, and the node finds that out.
func TestListenForKeyChanges(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	node := s.Another(t)
	go node.ListenForKeyChanges(t.Context())
	for !node.HintsArrive() {
		time.Sleep(time.Millisecond)
	}
	<-node.KeyChangeHints() // there is one after the connection
	s.delete(t, s.key(t, "CI"))
	<-node.KeyChangeHints()
	s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN skipup_key_changes%' AND pid <> pg_backend_pid()")
	<-node.KeyChangeHints() // after it has connected again
	s.delete(t, s.key(t, "Next"))
	<-node.KeyChangeHints()
}

// The driver sometimes notices that a connection has broken only when it begins a transaction on it.
func TestClosedConnectionIsAnOutage(t *testing.T) {
	t.Parallel()
	connection, err := pgx.Connect(t.Context(), modelstest.PostgreSQLURL(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Begin(t.Context()); !models.IsUnavailable(err) {
		t.Errorf("error = %v, want one that says that the database is unavailable", err)
	}
}
