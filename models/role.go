package models

import (
	"slices"

	"github.com/skipup/keys/models/scope"
)

// Role determines what a member may do in the dashboard.
type Role string

// The roles. The API knows only admin and member; see Role.Wire.
const (
	Viewer     Role = "member" // called so in the database and the API since before there were other roles
	KeyManager Role = "key_manager"
	Admin      Role = "admin"
)

// Roles lists the roles. Each allows everything that the ones before it allow.
var Roles = []Role{Viewer, KeyManager, Admin}

// Permission is something that a role allows.
type Permission string

// The permissions.
const (
	ViewWorkspace   Permission = "view_workspace"
	ManageKeys      Permission = "manage_keys"
	ManageWebhooks  Permission = "manage_webhooks"
	ManageMembers   Permission = "manage_members"
	ManageSeats     Permission = "manage_seats"
	ManagePolicy    Permission = "manage_policy"
	ManageWorkspace Permission = "manage_workspace"
)

// Permissions lists the permissions, each with what it allows and the lowest role that has it. Routes of the
// dashboard, the controls on its pages, and the documentation follow it.
var Permissions = []struct {
	Permission Permission
	Allows     string
	From       Role
}{
	{ViewWorkspace, "View API keys and their usage, webhooks, members, seats, the policy, and the audit log", Viewer},
	{ManageKeys, "Create, change, rotate, pause, and delete API keys, and scan for leaked ones", KeyManager},
	{ManageWebhooks, "Add, change, test, and delete webhook endpoints, and see their full URLs", KeyManager},
	{ManageMembers, "Invite and deactivate members, and change their roles", Admin},
	{ManageSeats, "Assign and release seats, and change their number", Admin},
	{ManagePolicy, "Change the policy for API keys and second factors", Admin},
	{ManageWorkspace, "Rename, export, and delete the workspace, and create other workspaces", Admin},
}

// May reports whether the role has a permission.
func (r Role) May(permission Permission) bool {
	for _, p := range Permissions {
		if p.Permission == permission {
			return r.rank() >= p.From.rank()
		}
	}
	return false
}

// rolesWith returns the roles that have a permission.
func rolesWith(permission Permission) []Role {
	return slices.DeleteFunc(slices.Clone(Roles), func(r Role) bool { return !r.May(permission) })
}

// rank returns the position of the role in Roles, or -1 if it is unknown.
func (r Role) rank() int { return slices.Index(Roles, r) }

// lower returns the lower of two roles.
func (r Role) lower(other Role) Role {
	if other.rank() < r.rank() {
		return other
	}
	return r
}

// Wire returns the role as the API represents it: a key manager is a member.
func (r Role) Wire() string {
	if r == Admin {
		return string(Admin)
	}
	return string(Viewer)
}

// WireRoles lists the roles that the API knows.
var WireRoles = []Role{Admin, Viewer}

// scopePermissions are the permissions that someone needs to give a key a scope. Otherwise, they could use
// the key to do what their role doesn't allow.
var scopePermissions = map[scope.Scope]Permission{
	scope.MembersWrite:  ManageMembers,
	scope.SeatsWrite:    ManageSeats,
	scope.WebhooksWrite: ManageWebhooks,
	scope.APIKeysWrite:  ManageKeys,
}

// Ungrantable returns the scopes that someone with the role can't give a key.
func (r Role) Ungrantable() scope.Set {
	var set scope.Set
	for s, permission := range scopePermissions {
		if !r.May(permission) {
			set = set.With(scope.Of(s))
		}
	}
	return set
}
