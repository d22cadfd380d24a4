package main

import (
	"context"
	"errors"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// openStore opens the database, brings its schema up to date and returns the steps that took.
// Every command does that: a step that was taken is never taken again, and commands and nodes
// that start at once do not collide.
func openStore(ctx context.Context, s settings, options models.Options) (*models.Store, []models.Migration, error) {
	options.KeyEnvironment = token.Environment(s.KeyEnvironment)
	store, err := models.Open(s.Database, options)
	if err != nil {
		return nil, nil, failf("the database does not open, check --%s (%s): %w", databaseOption.flag, databaseOption.variable, err)
	}
	applied, err := store.Migrate(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, applied, nil
}

// withStore calls do with an open Store, as the operator.
func withStore(ctx context.Context, s settings, do func(ctx context.Context, store *models.Store) error) error {
	store, _, err := openStore(ctx, s, models.Options{})
	if err != nil {
		return err
	}
	operator := models.Actor{Type: models.ActorOperator, Name: "Operator (command line)"}
	return errors.Join(do(models.WithActor(ctx, operator), store), store.Close())
}
