package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTroubleshooting checks that troubleshooting.md has the messages for operators: what is logged as a warning
// or an error, findings of the doctor, problems in readiness, causes of an outage, and why a command fails.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/operations/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	messages := operatorMessages(t)
	if len(messages) < 150 {
		t.Errorf("found %d messages in the source, want at least 150", len(messages))
	}
	for _, m := range messages {
		if !slices.ContainsFunc(lines, m.isIn) {
			t.Errorf("%s: troubleshooting.md lacks %q", m.where, strings.Join(m.parts, "…"))
		}
	}
}

// operatorMessage is a message in the source: its parts between values that it contains.
type operatorMessage struct {
	where token.Position
	parts []string
}

// isIn reports whether a line has all parts in order.
func (m operatorMessage) isIn(line string) bool {
	for _, part := range m.parts {
		_, after, found := strings.Cut(line, part)
		if !found {
			return false
		}
		line = after
	}
	return true
}

func operatorMessages(t *testing.T) (found []operatorMessage) {
	t.Helper()
	files := token.NewFileSet()
	hasMessages := regexp.MustCompile(`\b[lL]og\.(Warn|Error)|Diagnosis\{|\b(warning|problem)\(|onditions\.Report\(|failf\(|wrong\.add\(|\brepeat\(|\.Report\(|func (OutageCause|ExplainOpen)\(|\bErrorf\(FailedPrecondition`)
	for _, folder := range []string{".", "../../models", "../../web", "../../handlers"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "demo") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil || !hasMessages.Match(source) {
				return err
			}
			file, err := parser.ParseFile(files, path, bytes.NewReader(source), 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				for _, expression := range append(messagesIn(node), rulesIn(node, filepath.Base(path))...) {
					if parts := partsOf(expression); len(parts) > 0 {
						found = append(found, operatorMessage{files.Position(expression.Pos()), parts})
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// messagesIn returns the messages that a node itself has, without those of other nodes in it.
func messagesIn(node ast.Node) []ast.Expr {
	switch n := node.(type) {
	case *ast.CallExpr:
		return messagesOfCall(n)
	case *ast.CompositeLit:
		return messageAfterLevel(n.Elts)
	case *ast.AssignStmt: // a sentence for readiness
		if name, ok := n.Lhs[0].(*ast.Ident); ok && slices.Contains([]string{"sentence", "outage", "skewed"}, name.Name) {
			return n.Rhs
		}
	case *ast.FuncDecl:
		if slices.Contains([]string{"OutageCause", "ExplainOpen", "expirySentence"}, n.Name.Name) {
			return returnsOf(n)
		}
	case *ast.ValueSpec:
		if n.Names[0].Name == "serverOutages" {
			return valuesOf(n.Values[0].(*ast.CompositeLit))
		}
	}
	return nil
}

func messagesOfCall(call *ast.CallExpr) []ast.Expr {
	name, receiver := "", ""
	switch function := call.Fun.(type) {
	case *ast.Ident:
		name = function.Name
	case *ast.SelectorExpr:
		name, receiver = function.Sel.Name, lastName(function.X)
	}
	switch {
	case name == "Report" && receiver != "conditions" && len(call.Args) == 3: // of an outage.Log
		return call.Args[1:2]
	case name == "warning", name == "problem": // of skipup doctor
		return call.Args[1:2]
	case name == "repeat":
		return call.Args[2:3]
	case name == "failf", receiver == "wrong" && name == "add", strings.EqualFold(receiver, "log") && (name == "Warn" || name == "Error"),
		receiver == "conditions" && name == "Report":
		return call.Args[:1]
	case strings.EqualFold(receiver, "log") && (name == "WarnContext" || name == "ErrorContext"):
		return call.Args[1:2]
	}
	return messageAfterLevel(call.Args)
}

// rulesIn returns the message if the node makes an error about a rule of a command for operators.
func rulesIn(node ast.Node, file string) []ast.Expr {
	call, ok := node.(*ast.CallExpr)
	if ok && lastName(call.Fun) == "Errorf" && lastName(call.Args[0]) == "FailedPrecondition" && commandsOfOperators.MatchString(file) {
		return call.Args[1:2]
	}
	return nil
}

var commandsOfOperators = regexp.MustCompile(`^(backup|restore|migrate|lease|node)`)

// messageAfterLevel returns the message of a Diagnosis that isn't LevelOK, from the list of its fields or of the
// arguments of a function that makes one.
func messageAfterLevel(list []ast.Expr) []ast.Expr {
	isLevel := func(e ast.Expr) bool {
		return slices.Contains([]string{"LevelWarning", "LevelError", "level"}, lastName(e))
	}
	for i, e := range list {
		field, keyed := e.(*ast.KeyValueExpr)
		switch {
		case keyed && lastName(field.Key) == "Level" && isLevel(field.Value):
			for _, other := range list {
				if other := other.(*ast.KeyValueExpr); lastName(other.Key) == "Message" {
					return []ast.Expr{other.Value}
				}
			}
		case !keyed && isLevel(e) && i+1 < len(list):
			return list[i+1 : i+2]
		}
	}
	return nil
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func returnsOf(function *ast.FuncDecl) (results []ast.Expr) {
	ast.Inspect(function.Body, func(node ast.Node) bool {
		if statement, ok := node.(*ast.ReturnStmt); ok {
			results = append(results, statement.Results...)
		}
		return true
	})
	return results
}

func valuesOf(literal *ast.CompositeLit) (values []ast.Expr) {
	for _, element := range literal.Elts {
		values = append(values, element.(*ast.KeyValueExpr).Value)
	}
	return values
}

var verb = regexp.MustCompile(`%(\[\d+\])?[0-9.]*[a-z]`)

// partsOf returns the parts of a text between its values.
func partsOf(e ast.Expr) (parts []string) {
	const value = "\x00"
	for _, part := range strings.Split(verb.ReplaceAllString(textOf(e, value), value), value) {
		if part = strings.TrimSpace(part); strings.ContainsFunc(part, func(r rune) bool { return 'a' <= r && r <= 'z' }) {
			parts = append(parts, part)
		}
	}
	return parts
}

// textOf returns the text of an expression, with value in place of what isn't constant.
func textOf(e ast.Expr, value string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return textOf(e.X, value) + textOf(e.Y, value)
	case *ast.CallExpr:
		if name := lastName(e.Fun); name == "Sprintf" || name == "Errorf" {
			return textOf(e.Args[0], value)
		}
	}
	return value
}
