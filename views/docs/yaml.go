package docs

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a value of the document. Mappings keep their order.
type node struct {
	*yaml.Node
	root *yaml.Node
}

// at returns the value of a key, with references resolved. Its Node is nil if there is none.
func (n node) at(key string) node {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return node{root: n.root}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return node{n.Content[i+1], n.root}.resolved()
		}
	}
	return node{root: n.root}
}

// resolved returns the target of a reference, or n itself.
func (n node) resolved() node {
	if n.Node == nil || n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[0].Value != "$ref" {
		return n
	}
	target := node{n.root, n.root}
	for key := range strings.SplitSeq(strings.TrimPrefix(n.Content[1].Value, "#/"), "/") {
		target = target.at(key)
	}
	return target
}

// text returns the scalar value of a key, or "".
func (n node) text(key string) string {
	value := n.at(key)
	if value.Node == nil {
		return ""
	}
	return value.Value
}

// pairs returns the entries of a mapping, in order.
func (n node) pairs() []pair {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var pairs []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i].Value, node{n.Content[i+1], n.root}.resolved()})
	}
	return pairs
}

type pair struct {
	key   string
	value node
}

// items returns the elements of a sequence.
func (n node) items() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	var items []node
	for _, item := range n.Content {
		items = append(items, node{item, n.root}.resolved())
	}
	return items
}

// strings returns the elements of a sequence of strings, or the single string.
func (n node) strings() []string {
	if n.Node != nil && n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var values []string
	for _, item := range n.items() {
		values = append(values, item.Value)
	}
	return values
}

// json returns the value as indented JSON, or "" if there is none. Lists of scalars are on one line.
func (n node) json() string {
	if n.Node == nil {
		return ""
	}
	var text strings.Builder
	n.writeJSON(&text, "\n")
	return text.String()
}

// writeJSON writes the value. The argument line is a line break with the value's indentation.
func (n node) writeJSON(text *strings.Builder, line string) {
	switch n.Kind {
	case yaml.MappingNode:
		open := "{"
		for _, member := range n.pairs() {
			text.WriteString(open + line + "  " + quoted(member.key) + ": ")
			member.value.writeJSON(text, line+"  ")
			open = ","
		}
		text.WriteString(line + "}")
	case yaml.SequenceNode:
		n.writeList(text, line)
	default:
		if n.Tag == "!!str" {
			text.WriteString(quoted(n.Value))
		} else {
			text.WriteString(n.Value)
		}
	}
}

func (n node) writeList(text *strings.Builder, line string) {
	separator, end, deeper := ", ", "]", line
	text.WriteString("[")
	if len(n.Content) > 0 && n.Content[0].Kind != yaml.ScalarNode {
		deeper = line + "  "
		separator, end = ","+deeper, line+"]"
		text.WriteString(deeper)
	}
	for i, item := range n.items() {
		if i > 0 {
			text.WriteString(separator)
		}
		item.writeJSON(text, deeper)
	}
	text.WriteString(end)
}

func quoted(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be marshaled
	}
	return string(quoted)
}
