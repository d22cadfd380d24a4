package models

import (
	"context"
	"fmt"
)

// ActorType says what kind of thing acts.
type ActorType string

// The kinds of actors.
const (
	ActorMember    ActorType = "member"    // a person in the dashboard
	ActorAPIKey    ActorType = "api_key"   // a client of the API
	ActorOperator  ActorType = "operator"  // somebody at the command line
	ActorSystem    ActorType = "system"    // the program itself
	ActorAnonymous ActorType = "anonymous" // nobody known, such as a failed sign-in
)

// Actor is who does something, and from where. It travels in the context, so that every
// method that changes something can write it into the audit log.
type Actor struct {
	Type               ActorType
	ID                 string // of the member or key, empty for the others
	Name               string // empty for a key: its row has it
	Address, UserAgent string
}

type actorKey struct{}

// WithActor returns a context in which actor acts.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorOf returns who acts in ctx; nobody known unless WithActor said so.
func ActorOf(ctx context.Context) Actor {
	if actor, ok := ctx.Value(actorKey{}).(Actor); ok {
		return actor
	}
	return Actor{Type: ActorAnonymous, Name: "Unknown"}
}

// actor is who acts in ctx. The name of a key is read here: verification knows only what a key
// may do, because a new name is not told to every node.
func (s *Store) actor(ctx context.Context) (Actor, error) {
	actor := ActorOf(ctx)
	if actor.Type != ActorAPIKey || actor.Name != "" {
		return actor, nil
	}
	if err := s.with(ctx).Model(&APIKey{}).Where("id = ?", actor.ID).Select("name").Scan(&actor.Name).Error; err != nil {
		return actor, fmt.Errorf("read the name of the acting API key: %w", err)
	}
	return actor, nil
}
