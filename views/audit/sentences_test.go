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

// sources returns the parsed files of models that may write audit events.
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

// auditedActions returns the actions that models writes to the audit log: the names passed to audit,
// and the other string literals with the same prefix.
func auditedActions(t *testing.T) []string {
	t.Helper()
	var passed, literals []string
	for _, file := range sources(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if method, is := node.Fun.(*ast.SelectorExpr); is && method.Sel.Name == "audit" && len(node.Args) == 5 {
					passed = append(passed, literal(node.Args[2]))
				}
			case *ast.BasicLit:
				literals = append(literals, literal(node))
			}
			return true
		})
	}
	actions := map[string]bool{}
	for _, name := range passed {
		kind, _, _ := strings.Cut(name, ".")
		for _, other := range append(literals, name) {
			if rest, alike := strings.CutPrefix(other, kind+"."); kind != "" && alike && rest != "" && !strings.ContainsAny(rest, " .") {
				actions[other] = true
			}
		}
	}
	if len(actions) < 20 {
		t.Fatalf("found %d actions, want at least 20: %v", len(actions), actions)
	}
	return slices.Sorted(maps.Keys(actions))
}

func literal(node ast.Expr) string {
	if text, is := node.(*ast.BasicLit); is && text.Kind == token.STRING {
		value, _ := strconv.Unquote(text.Value)
		return value
	}
	return ""
}

func TestEveryActionHasASentence(t *testing.T) {
	for _, action := range auditedActions(t) {
		if strings.Contains(patternOf(models.AuditEvent{Action: action}), action) {
			t.Errorf("groups has no entry for %q", action)
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
				kind := literal(made.Elts[0])
				if _, known := kinds[kind]; !known {
					t.Errorf("kinds has no entry for %q", kind)
				}
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("found %d targets, want at least 10", found)
	}
}

func TestSentence(t *testing.T) {
	tests := []struct {
		event models.AuditEvent
		want  string
	}{
		{models.AuditEvent{Action: "api_key.created", ActorName: "Ada", TargetType: "api_key", TargetName: "CI"}, "Ada created API key CI"},
		{models.AuditEvent{Action: "api_key.access_changed", ActorName: "Ada", TargetType: "api_key", TargetName: "CI"}, "Ada changed access for API key CI"},
		{models.AuditEvent{Action: "api_key.deletion_in_force", ActorType: models.ActorSystem, TargetType: "api_key", TargetName: "CI"}, "Deletion of API key CI took effect on all nodes"},
		{models.AuditEvent{Action: "webhook_endpoint.disabled", ActorType: models.ActorSystem, ActorName: "SkipUp Keys", TargetType: "webhook_endpoint", TargetName: "example.com"}, "System disabled webhook endpoint example.com"},
		{models.AuditEvent{Action: "seat.released", ActorName: "Ada", TargetType: "seat", TargetName: "Bob"}, "Ada released Bob’s seat"},
		{models.AuditEvent{Action: "user.signed_in", TargetType: "user", TargetName: "Ada", ActorName: "Ada"}, "Ada signed in"},
		{models.AuditEvent{Action: "user.signed_in", TargetType: "user", TargetName: "Ada", ActorName: "Ada", Details: map[string]string{"method": "single sign-on"}}, "Ada signed in with single sign-on"},
		{models.AuditEvent{Action: "lease.set", TargetType: "lease", TargetName: "lease"}, "Someone changed the lease duration"},
		{models.AuditEvent{Action: "robot.built", TargetType: "robot_arm", TargetName: "R2"}, "Someone: robot.built robot arm R2"},
	}
	for _, tt := range tests {
		if got := Sentence(tt.event); got != tt.want {
			t.Errorf("sentence of %q = %q, want %q", tt.event.Action, got, tt.want)
		}
	}
}
