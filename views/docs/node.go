package docs

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a value in the document, whose maps keep their order.
type node struct {
	*yaml.Node
	root *yaml.Node
}

// at is the value under a key, with references followed; one without a Node if there is none.
func (n node) at(key string) node {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return node{root: n.root}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return node{n.Content[i+1], n.root}.followed()
		}
	}
	return node{root: n.root}
}

// followed is what a reference within the document leads to, else n itself.
func (n node) followed() node {
	if n.Node == nil || n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[0].Value != "$ref" {
		return n
	}
	target := node{n.root, n.root}
	for key := range strings.SplitSeq(strings.TrimPrefix(n.Content[1].Value, "#/"), "/") {
		target = target.at(key)
	}
	return target
}

// text is the value under a key as it is written.
func (n node) text(key string) string {
	value := n.at(key)
	if value.Node == nil {
		return ""
	}
	return value.Value
}

// pairs are the members of a map, in order.
func (n node) pairs() []pair {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var pairs []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i].Value, node{n.Content[i+1], n.root}.followed()})
	}
	return pairs
}

type pair struct {
	key   string
	value node
}

// items are the values of a list, in order.
func (n node) items() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	var items []node
	for _, item := range n.Content {
		items = append(items, node{item, n.root}.followed())
	}
	return items
}

// words are the values of a list of words, or the one word.
func (n node) words() []string {
	if n.Node != nil && n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var words []string
	for _, item := range n.items() {
		words = append(words, item.Value)
	}
	return words
}

// json is the value as indented JSON, with short lists on one line; empty if there is none.
func (n node) json() string {
	if n.Node == nil {
		return ""
	}
	var text strings.Builder
	n.writeJSON(&text, "\n")
	return text.String()
}

// writeJSON writes the value; line begins a new line at the value's own depth.
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
		panic(err) // a string always can
	}
	return string(quoted)
}
