package scope

import (
	"fmt"
	"strings"
)

// Definition describes a scope.
type Definition struct {
	Scope   Scope
	Name    string // such as "members.read"
	Label   string // short, on pages that show the resource
	Help    string // describes in one line what the scope allows
	Warning string // the risk of granting the scope; may be empty
	Status  Status
}

// Status says which keys may hold a scope.
type Status string

// The statuses of scopes.
const (
	Active  Status = "active"
	Retired Status = "retired" // keys that hold it keep it; no key can get it
	Removed Status = "removed" // only deleted keys hold it
)

// Resource is what a group of scopes gives access to.
type Resource struct {
	Name, Label string
	Scopes      []Definition // in the order of pages
}

// Builtin reports whether the resource is part of the SkipUp API.
func (r Resource) Builtin() bool { return len(r.Scopes) > 0 && r.Scopes[0].Scope < FirstCustom }

// Catalog is an immutable list of all scopes. Use New to create one.
type Catalog struct {
	resources    []Resource // built-in ones first
	definitions  []Definition
	byName       map[string]Scope // without removed scopes
	byScope      [Max]*Definition
	active       Set
	retired      Set
	readOnly     Set
	hidesBuiltin bool
}

// builtin are the resources of the SkipUp API.
var builtin = []Resource{
	{"meeting_requests", "Meeting requests", readAndWrite(MeetingRequestsRead, "List and view meeting requests",
		MeetingRequestsWrite, "Create, cancel, and modify meeting requests", "")},
	{"members", "Members", readAndWrite(MembersRead, "List workspace members",
		MembersWrite, "Add and deactivate workspace members",
		"This scope can add anyone to the workspace. A key with all scopes can also add and change admins.")},
	{"webhooks", "Webhooks", readAndWrite(WebhooksRead, "List and view webhook endpoints",
		WebhooksWrite, "Create, update, and delete webhook endpoints", "")},
	{"api_keys", "API keys", readAndWrite(APIKeysRead, "List API keys",
		APIKeysWrite, "Create and delete API keys", "This scope can create keys (with the same scopes) and delete any key.")},
	{"seats", "Seats", readAndWrite(SeatsRead, "View seat usage and capacity",
		SeatsWrite, "Assign seats and update capacity", "")},
}

func readAndWrite(read Scope, readHelp string, write Scope, writeHelp, warning string) []Definition {
	return []Definition{
		{Scope: read, Name: read.String(), Label: "Read", Help: readHelp, Status: Active},
		{Scope: write, Name: write.String(), Label: "Write", Help: writeHelp, Warning: warning, Status: Active},
	}
}

// Builtin is the catalog without custom scopes.
var Builtin = New(nil, false)

// New returns a catalog of the built-in and the given custom resources, whose scopes must have different
// names and different numbers from FirstCustom up. If hideBuiltin is set, forms offer only custom scopes.
func New(custom []Resource, hideBuiltin bool) *Catalog {
	c := &Catalog{byName: map[string]Scope{}, hidesBuiltin: hideBuiltin}
	c.resources = append(append(c.resources, builtin...), custom...)
	for _, resource := range c.resources {
		c.definitions = append(c.definitions, resource.Scopes...)
	}
	for i := range c.definitions {
		c.add(&c.definitions[i])
	}
	return c
}

func (c *Catalog) add(d *Definition) {
	c.byScope[d.Scope] = d
	if _, action, _ := strings.Cut(d.Name, "."); action == "read" {
		c.readOnly = c.readOnly.With(Of(d.Scope))
	}
	if d.Status == Removed {
		return
	}
	c.byName[d.Name] = d.Scope
	if d.Status == Retired {
		c.retired = c.retired.With(Of(d.Scope))
		return
	}
	c.active = c.active.With(Of(d.Scope))
}

// Parse returns the scope with a name, which must match exactly. The scope may be retired.
func (c *Catalog) Parse(name string) (s Scope, known bool) {
	s, known = c.byName[name]
	return s, known
}

// UnknownError reports a name that is not a scope. The name is user input: check it before showing it.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("%q is not a scope", e.Name) }

// ParseSet returns the set of the scopes with the given names. If one is unknown, the error is an
// *UnknownError.
func (c *Catalog) ParseSet(names []string) (Set, error) {
	var set Set
	for _, name := range names {
		s, known := c.Parse(name)
		if !known {
			return Set{}, &UnknownError{Name: name}
		}
		set = set.With(Of(s))
	}
	return set, nil
}

// Definition returns the definition of a scope, which may be removed.
func (c *Catalog) Definition(s Scope) (d Definition, known bool) {
	if s >= Max || c.byScope[s] == nil {
		return Definition{}, false
	}
	return *c.byScope[s], true
}

// Name returns the name of a scope, or its number if the catalog doesn't have it.
func (c *Catalog) Name(s Scope) string {
	if d, known := c.Definition(s); known {
		return d.Name
	}
	return s.String()
}

// Definitions returns the definitions of the scopes in a set, in the order of pages. It leaves out scopes
// that the catalog doesn't have.
func (c *Catalog) Definitions(set Set) []Definition {
	definitions := make([]Definition, 0, set.Len())
	for _, d := range c.definitions {
		if set.Has(d.Scope) {
			definitions = append(definitions, d)
		}
	}
	return definitions
}

// Names returns the names of the scopes in a set, in the order of pages. The result is never nil.
func (c *Catalog) Names(set Set) []string {
	names := make([]string, 0, set.Len())
	for _, d := range c.Definitions(set) {
		names = append(names, d.Name)
	}
	return names
}

// Text returns the names of the scopes in a set, separated by spaces (RFC 6749 §3.3).
func (c *Catalog) Text(set Set) string {
	var space [128]byte // enough for most sets, so that only the result is allocated
	text := space[:0]
	for i := range c.definitions {
		if !set.Has(c.definitions[i].Scope) {
			continue
		}
		if len(text) > 0 {
			text = append(text, ' ')
		}
		text = append(text, c.definitions[i].Name...)
	}
	return string(text)
}

// Active returns the scopes that new keys can get.
func (c *Catalog) Active() Set { return c.active }

// Retired returns the scopes that keys can only keep.
func (c *Catalog) Retired() Set { return c.retired }

// Known returns the active and the retired scopes.
func (c *Catalog) Known() Set { return c.active.With(c.retired) }

// Offered returns the scopes that forms offer for a new key.
func (c *Catalog) Offered() Set {
	if c.hidesBuiltin {
		return c.active.Without(All)
	}
	return c.active
}

// ReadOnly returns the scopes of a set that only read: those whose action is "read".
func (c *Catalog) ReadOnly(set Set) Set { return set.And(c.readOnly) }

// HidesBuiltin reports whether forms offer only custom scopes.
func (c *Catalog) HidesBuiltin() bool { return c.hidesBuiltin }

// Resources returns the resources with the scopes of a set, in the order of pages. It leaves out resources
// without any.
func (c *Catalog) Resources(set Set) []Resource {
	var resources []Resource
	for _, r := range c.resources {
		if part := (Resource{Name: r.Name, Label: r.Label, Scopes: within(r.Scopes, set)}); len(part.Scopes) > 0 {
			resources = append(resources, part)
		}
	}
	return resources
}

func within(definitions []Definition, set Set) []Definition {
	var found []Definition
	for _, d := range definitions {
		if set.Has(d.Scope) {
			found = append(found, d)
		}
	}
	return found
}

// Custom returns the custom resources with all their scopes, in the order of pages.
func (c *Catalog) Custom() []Resource { return c.resources[len(builtin):] }
