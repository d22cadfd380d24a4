package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/skipup/keys/"

// layers are the top-level folders. A package imports only from its own folder or from one to its
// right.
var layers = []string{"cmd", "handlers", "web", "views", "models", "static"}

// TestImportsRespectLayers parses the files itself, because the test cache would not notice a change
// in the output of the go command.
func TestImportsRespectLayers(t *testing.T) {
	files := 0
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || name != "." && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if path.Ext(name) == ".go" {
			files++
			checkImports(t, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("found %d Go files, want at least 50", files)
	}
}

func checkImports(t *testing.T, name string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", name), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	from := strings.Split(name, "/")[0]
	if !slices.Contains(layers, from) {
		t.Errorf("%s is outside the layers %v", name, layers)
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(imported, "gorm.io/") && from != "models" && from != "cmd" {
			t.Errorf("%s imports %s: only models knows GORM", name, imported)
		}
		local, ours := strings.CutPrefix(imported, module)
		if !ours {
			continue
		}
		if to := strings.Split(local, "/")[0]; slices.Index(layers, to) < slices.Index(layers, from) {
			t.Errorf("%s imports %s, which is to its left in %v", name, imported, layers)
		}
	}
}

func TestNoCatchAllFolders(t *testing.T) {
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch entry.Name() {
		case "node_modules", ".git":
			return fs.SkipDir
		case "utils", "util", "helpers", "common", "internal", "services":
			t.Errorf("folder %s: name it for what it contains", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
