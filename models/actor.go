package models

import "context"

// ActorType says what kind of thing acts.
type ActorType string

// The kinds of actors.
const (
	ActorMember    ActorType = "member"    // a person in the dashboard
	ActorAPIKey    ActorType = "api_key"   // a client of the API
	ActorOperator  ActorType = "operator"  // somebody at the command line
	ActorAnonymous ActorType = "anonymous" // nobody known, such as a failed sign-in
)

// Actor is who does something, and from where. It travels in the context, so that every
// method that changes something can write it into the audit log.
type Actor struct {
	Type               ActorType
	ID                 string // of the member or key, empty for the others
	Name               string
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
