package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
)

// sources are the files of models that may write into the audit log, parsed.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob("../../models/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "event.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// auditedActions are what models writes into the audit log: the words that are given to audit,
// and those that begin like one of these and are chosen elsewhere.
func auditedActions(t *testing.T) []string {
	t.Helper()
	var given, words []string
	for _, file := range sources(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if method, is := node.Fun.(*ast.SelectorExpr); is && method.Sel.Name == "audit" && len(node.Args) == 5 {
					given = append(given, literal(node.Args[2]))
				}
			case *ast.BasicLit:
				words = append(words, literal(node))
			}
			return true
		})
	}
	actions := map[string]bool{}
	for _, word := range given {
		kind, _, _ := strings.Cut(word, ".")
		for _, other := range append(words, word) {
			if rest, alike := strings.CutPrefix(other, kind+"."); kind != "" && alike && rest != "" && !strings.ContainsAny(rest, " .") {
				actions[other] = true
			}
		}
	}
	if len(actions) < 20 {
		t.Fatalf("found only %v", actions)
	}
	return slices.Sorted(maps.Keys(actions))
}

func literal(node ast.Expr) string {
	if text, is := node.(*ast.BasicLit); is && text.Kind == token.STRING {
		word, _ := strconv.Unquote(text.Value)
		return word
	}
	return ""
}

func TestEveryActionHasWords(t *testing.T) {
	for _, action := range auditedActions(t) {
		before, _, _ := deedOf(models.AuditEvent{Action: action})
		if strings.HasPrefix(before, action) {
			t.Errorf("the audit log tells of %s, and there are no words for it in groups", action)
		}
	}
}

func TestEveryTargetHasAKind(t *testing.T) {
	found := 0
	for _, file := range sources(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			made, is := node.(*ast.CompositeLit)
			if !is || len(made.Elts) == 0 {
				return true
			}
			if name, is := made.Type.(*ast.Ident); is && name.Name == "target" {
				found++
				if kind := literal(made.Elts[0]); kinds[kind] == "" {
					t.Errorf("a target of the audit log is a %q, and there is no word for it in kinds", kind)
				}
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("found only %d targets", found)
	}
}

func TestSentence(t *testing.T) {
	tests := []struct {
		event models.AuditEvent
		want  string
	}{
		{models.AuditEvent{Action: "api_key.created", TargetType: "api_key", TargetName: "CI"}, "created the API key CI"},
		{models.AuditEvent{Action: "api_key.access_changed", TargetType: "api_key", TargetName: "CI"}, "changed what the API key CI may do"},
		{models.AuditEvent{Action: "user.signed_in", TargetType: "user", TargetName: "Ada"}, "signed in"},
		{models.AuditEvent{Action: "lease.set", TargetType: "lease", TargetName: "lease"}, "set the lease"},
		{models.AuditEvent{Action: "robot.built", TargetType: "robot_arm", TargetName: "R2"}, "robot.built robot arm R2"},
	}
	for _, tt := range tests {
		if got := sentence(tt.event); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.event.Action, got, tt.want)
		}
	}
}
