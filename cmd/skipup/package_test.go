package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestComposeFilesUseSettings also covers misspelled settings, which the server rejects.
func TestComposeFilesUseSettings(t *testing.T) {
	files, err := filepath.Glob("../../docs/operations/compose/*/compose.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("compose files = %v, %v, want at least 2", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var compose struct {
			Services map[string]struct {
				Build       struct{ Context, Dockerfile string }
				Environment map[string]string
			}
		}
		if err := yaml.Unmarshal(text, &compose); err != nil {
			t.Fatal(err)
		}
		nodes := 0
		for name, service := range compose.Services {
			if service.Build.Dockerfile == "" {
				continue // of another program
			}
			nodes++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), service.Build.Context, service.Build.Dockerfile)); err != nil {
				t.Errorf("%s, %s: %v", file, name, err)
			}
			for variable := range service.Environment {
				checkIsSetting(t, file, variable)
			}
		}
		if nodes == 0 {
			t.Errorf("%s: no node", file)
		}
	}
}

func TestPackagedSettings(t *testing.T) {
	text, err := os.ReadFile("package/skipup.env")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimPrefix(lines.Text(), "#")
		if !settingName.MatchString(strings.Split(line, "=")[0]) {
			continue
		}
		found++
		file := configFile{values: map[string]string{}, lines: map[string]int{}}
		if problem := file.add(1, line); problem != "" {
			t.Errorf("%s: %s", line, problem)
		}
	}
	if found < 5 {
		t.Errorf("found %d settings, want at least 5", found)
	}
}

func checkIsSetting(t *testing.T, file, variable string) {
	t.Helper()
	isSetting := slices.ContainsFunc(serveOptions, func(o option) bool { return slices.Contains(o.variables(), variable) })
	if !isSetting {
		t.Errorf("%s: %s isn't a setting", file, variable)
	}
}
