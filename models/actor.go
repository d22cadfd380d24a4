package models

import (
	"context"
	"fmt"

	"github.com/skipup/keys/models/scope"
)

// ActorType is the kind of an actor.
type ActorType string

// The kinds of actors.
const (
	ActorMember    ActorType = "member"    // a person in the dashboard
	ActorAPIKey    ActorType = "api_key"   // a client of the API
	ActorOperator  ActorType = "operator"  // someone at the command line
	ActorSystem    ActorType = "system"    // the program itself
	ActorAnonymous ActorType = "anonymous" // unknown, such as at a failed sign-in
)

// Actor is who makes a change, and from where. The context carries it to the audit log.
type Actor struct {
	Type               ActorType
	ID                 string // of the member or key, empty for the others
	Name               string // empty for a key, whose name is read from its row
	Role               Role   // of a member
	Address, UserAgent string
}

type actorKey struct{}

// WithActor returns a copy of ctx that carries actor.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// asSystem returns a copy of ctx in which the program itself acts.
func asSystem(ctx context.Context) context.Context {
	return WithActor(ctx, Actor{Type: ActorSystem, Name: "SkipUp Keys"})
}

// ActorOf returns the actor that ctx carries, or an anonymous one.
func ActorOf(ctx context.Context) Actor {
	if actor, ok := ctx.Value(actorKey{}).(Actor); ok {
		return actor
	}
	return Actor{Type: ActorAnonymous, Name: "Unknown"}
}

// ungrantable returns the scopes that the actor can't give a key. Those that a key can't give are up to
// checkGrant.
func ungrantable(ctx context.Context) scope.Set {
	if actor := ActorOf(ctx); actor.Type == ActorMember {
		return actor.Role.Ungrantable()
	}
	return scope.Set{}
}

// actor returns the actor that ctx carries. It reads the name of a key, because nodes do not cache
// names.
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

// actingKey returns the key that makes a change, or nil if a person, an operator, or the program
// itself makes it.
func (s *Store) actingKey(ctx context.Context) (*APIKey, error) {
	actor := ActorOf(ctx)
	if actor.Type != ActorAPIKey {
		return nil, nil
	}
	var key APIKey
	if err := s.with(ctx).Where("id = ?", actor.ID).Take(&key).Error; err != nil {
		return nil, fmt.Errorf("read the acting API key: %w", err)
	}
	return &key, nil
}
