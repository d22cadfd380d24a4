package apikeys

import (
	"net/url"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// Parameters of the list's query.
const (
	ByStatus = "status"
	ByScope  = "scope"
	ByReview = "review" // a finding
	// ByOwner filters by the ID of the member who owns the keys, or for keys without an owner.
	ByOwner       = "owner"
	ByEnvironment = "environment"
)

// ParseQuery reads the query of the list of keys in a workspace.
func ParseQuery(in path.Workspace, values url.Values) (ui.ListQuery, error) {
	return ui.ParseListQuery(in.APIKeys(), values, ByStatus, ByScope, ByReview, ByOwner, ByEnvironment)
}

var (
	byName     = ui.Column{Sort: string(models.SortName), Label: "Name", Ascending: "Name, A to Z", Descending: "Name, Z to A"}
	byCreated  = ui.Column{Sort: string(models.SortCreated), Label: "Created", Ascending: "Oldest first", Descending: "Newest first", DescendingFirst: true}
	byLastUsed = ui.Column{Sort: string(models.SortLastUsed), Label: "Last used", Ascending: "Least recently used", Descending: "Most recently used", DescendingFirst: true}
	byExpiry   = ui.Column{Sort: string(models.SortExpires), Label: "Expires", Ascending: "Expiring soonest", Descending: "Expiring latest"}

	columns = ui.Columns{byCreated, byName, byLastUsed, byExpiry}
)

// Sorting returns how a query sorts the list.
func Sorting(q ui.ListQuery) (by models.APIKeySort, ascending bool) {
	column, ascending := columns.Sorting(q)
	return models.APIKeySort(column.Sort), ascending
}

// Pages returns the position of the page in the list.
func (p ListPage) Pages() ui.Pages {
	return ui.PagesOf(p.Query, p.List.Matching, len(p.List.Keys))
}

// HasAnyKey reports whether the workspace has or had a key.
func (p ListPage) HasAnyKey() bool {
	for _, n := range p.List.Counts {
		if n > 0 {
			return true
		}
	}
	return false
}

func (p ListPage) frame() ui.List {
	return ui.List{
		ID: "keys", Label: "API keys", Query: p.Query, Summary: p.summary(),
		Search: "Search by name or description, or paste a key", Chips: p.chips(), Kept: []string{ByReview},
		Tabs: p.tabs(), TabsLabel: "Status", Columns: columns,
		Head: reviewHead(p), Cards: selectAllCards(p), Selection: bulkBar(), Pages: p.Pages(), Empty: noKeys(p),
	}
}

func (p ListPage) tabs() []ui.Tab {
	tab := func(status models.KeyStatus, label string, count int64) ui.Tab {
		return ui.Tab{Label: label, Count: count, Parameter: ByStatus, Value: string(status), Query: p.Query.With(ByStatus, string(status), ByReview, "")}
	}
	counts := p.List.Counts
	tabs := []ui.Tab{tab("", "All", counts[models.KeyActive]+counts[models.KeyExpiresSoon]+counts[models.KeyPaused]+counts[models.KeyExpired])}
	for _, status := range []models.KeyStatus{models.KeyActive, models.KeyExpiresSoon, models.KeyPaused, models.KeyExpired, models.KeyDeleted} {
		if counts[status] > 0 || p.Query.Get(ByStatus) == string(status) {
			tabs = append(tabs, tab(status, ui.StateLabel(status), counts[status]))
		}
	}
	return tabs
}

// filters returns the filters of the toolbar that make a difference.
func (p ListPage) filters(scopes *scope.Catalog) []ui.Select {
	filters := []ui.Select{scopeFilter(p.Query, scopes)}
	if len(p.Environments) > 0 || p.Query.Get(ByEnvironment) != "" {
		filters = append(filters, p.environmentFilter())
	}
	if options := p.ownerFilter(); len(options.Options) > 1 || options.Value != "" {
		filters = append(filters, options)
	}
	return filters
}

func (p ListPage) environmentFilter() ui.Select {
	filter := ui.Select{Name: ByEnvironment, Label: "Environment", Any: "Any environment", Value: p.Query.Get(ByEnvironment)}
	environments := p.Environments
	if filter.Value != "" && !slices.Contains(environments, filter.Value) {
		environments = append(slices.Clone(environments), filter.Value)
	}
	for _, environment := range environments {
		filter.Options = append(filter.Options, ui.Option{Value: environment, Label: environment})
	}
	return filter
}

// suggestedEnvironments returns the usual environments and those in use.
func suggestedEnvironments(inUse []string) []string {
	all := slices.Concat(models.Environments, inUse)
	slices.Sort(all)
	return slices.Compact(all)
}

// chips returns the filters in use.
func (p ListPage) chips() []ui.Chip {
	var chips []ui.Chip
	for _, filter := range []struct{ name, label, value string }{
		{ByStatus, "Status", ui.StateLabel(models.KeyStatus(p.Query.Get(ByStatus)))},
		{ByScope, "Scope", p.Query.Get(ByScope)},
		{ByEnvironment, "Environment", p.Query.Get(ByEnvironment)},
		{ByOwner, "Owner", p.ownerName()},
	} {
		if filter.value != "" {
			chips = append(chips, ui.Chip{Label: filter.label, Value: filter.value, Without: p.Query.With(filter.name, "")})
		}
	}
	return chips
}

func scopeFilter(q ui.ListQuery, scopes *scope.Catalog) ui.Select {
	filter := ui.Select{Name: ByScope, Label: "Scope", Any: "Any scope", Value: q.Get(ByScope)}
	shown := scopes.Offered().With(scopes.Retired())
	if chosen, known := scopes.Parse(filter.Value); known {
		shown = shown.With(scope.Of(chosen))
	}
	for _, resource := range scopes.Resources(shown) {
		for _, s := range resource.Scopes {
			filter.Options = append(filter.Options, ui.Option{Value: s.Name, Label: s.Name, Group: resource.Label})
		}
	}
	return filter
}

func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No keys match"
	}
	return ui.Plural(p.List.Matching, "key") + ", " + columns.Label(p.Query)
}

// from makes a column appear from a width of the list on. See data-from in parts.css.
func from(rem string) templ.Attributes { return templ.Attributes{"data-from": rem} }

// width sets the width of a column.
func width(class string) templ.Attributes { return templ.Attributes{"class": class} }

// A finding's evidence takes the place of the scopes, and of the times that it mentions.
func (p ListPage) unlessEvidence(otherwise, evidence templ.Attributes) templ.Attributes {
	if p.finding() == "" {
		return otherwise
	}
	return evidence
}

func (p ListPage) scopesColumn() templ.Attributes   { return p.unlessEvidence(from("52"), nil) }
func (p ListPage) createdColumn() templ.Attributes  { return p.unlessEvidence(from("57"), from("64")) }
func (p ListPage) lastUsedColumn() templ.Attributes { return p.unlessEvidence(nil, from("52")) }
func (p ListPage) expiryColumn() templ.Attributes   { return p.unlessEvidence(from("44"), from("64")) }

// granted returns what the scopes of a resource allow, such as "read and write".
func granted(resource scope.Resource) string {
	labels := make([]string, len(resource.Scopes))
	for i, s := range resource.Scopes {
		labels[i] = lowerFirst(s.Label)
	}
	return list(labels)
}

// lowerFirst returns a label for the middle of a sentence. It keeps the case of an abbreviation.
func lowerFirst(label string) string {
	first, size := utf8.DecodeRuneInString(label)
	if second, _ := utf8.DecodeRuneInString(label[size:]); unicode.IsUpper(second) {
		return label
	}
	return string(unicode.ToLower(first)) + label[size:]
}

// marks returns the scopes of a resource in short: R and W for "Read" and "Write", otherwise the label of one
// scope, or their number.
func marks(resource scope.Resource) []string {
	var letters []string
	for _, s := range resource.Scopes {
		if s.Label != "Read" && s.Label != "Write" {
			if len(resource.Scopes) == 1 {
				return []string{s.Label}
			}
			return []string{strconv.Itoa(len(resource.Scopes))}
		}
		letters = append(letters, s.Label[:1])
	}
	return letters
}
