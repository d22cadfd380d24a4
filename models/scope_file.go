package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// Limits of a file of custom scopes.
const (
	maxScopeFile  = 1 << 20 // bytes
	maxScopeName  = 64      // bytes
	maxScopeLabel = 40      // characters
	maxScopeText  = 300     // characters of a help or warning text
	maxMistakes   = 50
)

// ScopeFile describes all custom scopes, as an operator writes them in YAML.
type ScopeFile struct {
	KeyPrefix   string              `yaml:"key_prefix" json:"key_prefix"` // of new API keys
	HideBuiltin bool                `yaml:"hide_builtin,omitempty" json:"hide_builtin"`
	Resources   []ScopeFileResource `yaml:"resources" json:"resources"`
}

// ScopeFileResource describes a resource and its scopes in the order of pages.
type ScopeFileResource struct {
	Name   string           `yaml:"name" json:"name"`
	Label  string           `yaml:"label" json:"label"`
	Scopes []ScopeFileScope `yaml:"scopes" json:"scopes"`
}

// ScopeFileScope describes a scope.
type ScopeFileScope struct {
	Name    string `yaml:"name" json:"name"` // the resource, a dot, and an action
	Label   string `yaml:"label" json:"label"`
	Help    string `yaml:"help,omitempty" json:"help"`
	Warning string `yaml:"warning,omitempty" json:"warning"`
	Retired bool   `yaml:"retired,omitempty" json:"retired"`

	line int
}

// Mistake is something wrong with a file.
type Mistake struct {
	Line    int // from 1; 0 if it is not about one line
	Message string
}

// MistakesError lists everything wrong with a file, in the order of its lines.
type MistakesError struct{ Mistakes []Mistake }

func (e *MistakesError) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.Message
		if m.Line > 0 {
			lines[i] = fmt.Sprintf("line %d: %s", m.Line, m.Message)
		}
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d mistakes:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// scopeFileReader collects the mistakes in a file.
type scopeFileReader struct {
	mistakes  []Mistake
	resources map[string]int // lines by name
	scopes    map[string]int
}

func (r *scopeFileReader) wrong(at *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{at.Line, fmt.Sprintf(format, args...)})
}

func (r *scopeFileReader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return a.Line - b.Line })
	if more := len(r.mistakes) - maxMistakes; more > 0 {
		r.mistakes = append(r.mistakes[:maxMistakes], Mistake{Message: fmt.Sprintf("and %d more", more)})
	}
	return &MistakesError{r.mistakes}
}

// ParseScopeFile reads a file of custom scopes. If anything is wrong with it, the error is a *MistakesError.
func ParseScopeFile(data []byte) (ScopeFile, error) {
	r := &scopeFileReader{resources: map[string]int{}, scopes: map[string]int{}}
	if len(data) > maxScopeFile {
		return ScopeFile{}, &MistakesError{[]Mistake{{0, "the file must be 1 MiB or smaller"}}}
	}
	var document, next yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return ScopeFile{}, &MistakesError{[]Mistake{{0, "the file is empty; write \"resources: []\" to remove all custom scopes"}}}
	}
	if err != nil {
		return ScopeFile{}, &MistakesError{[]Mistake{syntaxMistake(err)}}
	}
	if err := decoder.Decode(&next); !errors.Is(err, io.EOF) {
		r.wrong(&next, "the file must have only one document")
	}
	file := r.file(document.Content[0])
	return file, r.err()
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxMistake converts an error of the YAML parser.
func syntaxMistake(err error) Mistake {
	text := err.Error()
	var m Mistake
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		_, _ = fmt.Sscan(found[1], &m.Line)
		text = text[len(found[0]):]
	}
	m.Message = "invalid YAML: " + text
	return m
}

func (r *scopeFileReader) file(node *yaml.Node) ScopeFile {
	fields, _ := r.mapping(node, "the file", []string{"resources"}, "hide_builtin", "key_prefix")
	file := ScopeFile{
		KeyPrefix: r.keyPrefix(fields["key_prefix"]), HideBuiltin: r.flag(fields["hide_builtin"], "hide_builtin"), Resources: []ScopeFileResource{},
	}
	for _, item := range r.list(fields["resources"], "resources") {
		file.Resources = append(file.Resources, r.resource(item))
	}
	active := 0
	for _, resource := range file.Resources {
		for _, s := range resource.Scopes {
			if !s.Retired {
				active++
			}
		}
	}
	if n := len(r.scopes); n > scope.MaxCustom {
		r.wrong(fields["resources"], "the file has %d scopes; there can be at most %d custom scopes", n, scope.MaxCustom)
	}
	if file.HideBuiltin && active == 0 {
		r.wrong(fields["hide_builtin"], "hide_builtin needs a custom scope that isn't retired; otherwise, forms would offer no scopes")
	}
	return file
}

// keyPrefix returns the prefix of new keys. A missing one is the default.
func (r *scopeFileReader) keyPrefix(node *yaml.Node) string {
	if node == nil {
		return token.DefaultPrefix
	}
	prefix := r.text(node, "key_prefix", token.MaxPrefix)
	if prefix != "" && !token.IsPrefix(prefix) {
		r.wrong(node, "%q can't be the prefix of API keys; use %d to %d lowercase letters and digits, starting with a letter", prefix, token.MinPrefix, token.MaxPrefix)
	}
	return prefix
}

func (r *scopeFileReader) resource(node *yaml.Node) ScopeFileResource {
	fields, ok := r.mapping(node, "a resource", []string{"name", "label", "scopes"})
	if !ok {
		return ScopeFileResource{}
	}
	resource := ScopeFileResource{
		Name:  r.text(fields["name"], "name", maxScopeName),
		Label: r.text(fields["label"], "label", maxScopeLabel),
	}
	if resource.Name != "" {
		r.checkResourceName(fields["name"], resource.Name)
	}
	items := r.list(fields["scopes"], "scopes")
	if fields["scopes"] != nil && fields["scopes"].Kind == yaml.SequenceNode && len(items) == 0 {
		r.wrong(fields["scopes"], "a resource must have a scope")
	}
	for _, item := range items {
		resource.Scopes = append(resource.Scopes, r.scope(item, resource.Name))
	}
	return resource
}

var (
	namePart  = `[a-z][a-z0-9_]*`
	plainName = regexp.MustCompile(`^` + namePart + `$`)
	dotted    = regexp.MustCompile(`^` + namePart + `\.` + namePart + `$`)
)

func (r *scopeFileReader) checkResourceName(at *yaml.Node, name string) {
	builtin := slices.ContainsFunc(scope.Builtin.Resources(scope.All), func(b scope.Resource) bool { return b.Name == name })
	line, twice := r.resources[name]
	switch {
	case !plainName.MatchString(name):
		r.wrong(at, "%q can't name a resource; use lowercase letters, digits, and underscores, starting with a letter", name)
	case builtin:
		r.wrong(at, "%q is a built-in resource; choose another name", name)
	case twice:
		r.wrong(at, "the resource %q is already in line %d", name, line)
	default:
		r.resources[name] = at.Line
	}
}

func (r *scopeFileReader) scope(node *yaml.Node, resource string) ScopeFileScope {
	fields, ok := r.mapping(node, "a scope", []string{"name"}, "label", "help", "warning", "retired")
	if !ok {
		return ScopeFileScope{}
	}
	s := ScopeFileScope{
		Name: r.text(fields["name"], "name", maxScopeName), Help: r.optionalText(fields["help"], "help", maxScopeText),
		Warning: r.optionalText(fields["warning"], "warning", maxScopeText), Label: r.optionalText(fields["label"], "label", maxScopeLabel),
		Retired: r.flag(fields["retired"], "retired"), line: node.Line,
	}
	if s.Name != "" {
		r.checkScopeName(fields["name"], s.Name, resource)
	}
	if s.Label == "" {
		s.Label = defaultScopeLabel(s.Name)
	}
	return s
}

func (r *scopeFileReader) checkScopeName(at *yaml.Node, name, resource string) {
	line, twice := r.scopes[name]
	of, _, _ := strings.Cut(name, ".")
	switch {
	case !dotted.MatchString(name):
		r.wrong(at, "%q can't name a scope; write the resource, a dot, and an action, such as \"orders.read\"", name)
	case of != resource && plainName.MatchString(resource):
		r.wrong(at, "the name of %q must begin with its resource: %q", name, resource+".")
	case twice:
		r.wrong(at, "the scope %q is already in line %d", name, line)
	default:
		r.scopes[name] = at.Line
	}
}

// defaultScopeLabel returns the action of a scope as a label, such as "Bulk export" for
// "orders.bulk_export".
func defaultScopeLabel(name string) string {
	_, action, _ := strings.Cut(name, ".")
	if action == "" {
		return ""
	}
	return strings.ToUpper(action[:1]) + strings.ReplaceAll(action[1:], "_", " ")
}

// mapping returns the values of a mapping by name, and whether node is one. It reports missing, unknown, and
// repeated names.
func (r *scopeFileReader) mapping(node *yaml.Node, what string, required []string, optional ...string) (fields map[string]*yaml.Node, ok bool) {
	fields = map[string]*yaml.Node{}
	known := append(slices.Clone(required), optional...)
	if node.Kind != yaml.MappingNode {
		r.wrong(node, "%s must have the fields %s", what, strings.Join(known, ", "))
		return fields, false
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		switch {
		case !slices.Contains(known, name.Value):
			r.unknown(name, known)
		case fields[name.Value] != nil:
			r.wrong(name, "%q is given twice", name.Value)
		default:
			fields[name.Value] = node.Content[i+1]
		}
	}
	for _, name := range required {
		if fields[name] == nil {
			r.wrong(node, "%s needs the field %q", what, name)
		}
	}
	return fields, true
}

func (r *scopeFileReader) unknown(name *yaml.Node, known []string) {
	if nearest := Nearest(name.Value, known); nearest != "" {
		r.wrong(name, "unknown field %q; did you mean %q?", name.Value, nearest)
		return
	}
	r.wrong(name, "unknown field %q; the fields are %s", name.Value, strings.Join(known, ", "))
}

// list returns the items of a list. A missing one is reported elsewhere.
func (r *scopeFileReader) list(node *yaml.Node, name string) []*yaml.Node {
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		r.wrong(node, "%s must be a list", name)
		return nil
	}
	return node.Content
}

// text returns a line of text. A missing one is reported elsewhere.
func (r *scopeFileReader) text(node *yaml.Node, name string, size int) string {
	if node == nil {
		return ""
	}
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" {
		r.wrong(node, "%s must be text; put it in quotes", name)
		return ""
	}
	fields := Fields{}
	text := normalName(strings.TrimRight(node.Value, "\n")) // of a block
	checkLine(fields, name, text, size)
	if message := fields[name]; message != "" {
		r.wrong(node, "%s %s", name, message)
		return ""
	}
	if strings.ContainsFunc(joined.ReplaceAllString(text, ""), func(c rune) bool { return unicode.Is(hidden, c) }) {
		r.wrong(node, "%s must not contain invisible characters", name)
		return ""
	}
	return text
}

// optionalText returns a line of text, which may be empty.
func (r *scopeFileReader) optionalText(node *yaml.Node, name string, size int) string {
	if node != nil && node.Kind == yaml.ScalarNode && node.Value == "" {
		return ""
	}
	return r.text(node, name, size)
}

// flag returns true or false. A missing one is false.
func (r *scopeFileReader) flag(node *yaml.Node, name string) bool {
	if node == nil {
		return false
	}
	var value bool
	if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" || node.Decode(&value) != nil {
		r.wrong(node, "%s must be true or false", name)
	}
	return value
}
