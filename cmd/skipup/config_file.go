package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// configFile holds the settings in a file of lines NAME=value. What it accepts means the same to systemd, so
// that EnvironmentFile= can name the file, too.
type configFile struct {
	path   string
	values map[string]string
	lines  map[string]int // where the values are
}

// place returns where a value is.
func (f configFile) place(variable string) string {
	return fmt.Sprintf("%s:%d", f.path, f.lines[variable])
}

// readConfig reads the file that configOption names, if any, and adds what is wrong with it to wrong, except
// for values.
func (p *program) readConfig(cmd *cobra.Command, wrong *usageErrors) {
	path, from, _ := p.given(cmd, configOption)
	if path == "" || checkCharacters(path) != nil {
		return
	}
	text, err := readLimited(path)
	if err != nil {
		wrong.add("%s: %v", from.name, err)
		return
	}
	p.config = configFile{path, map[string]string{}, map[string]int{}}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.ContainsRune("#;", rune(line[0])) {
			continue
		}
		if problem := p.config.add(i+1, line); problem != "" {
			wrong.add("%s:%d: %s", path, i+1, problem)
		}
	}
	info, err := os.Stat(path)
	if variable := p.config.secret(); err == nil && variable != "" && info.Mode().Perm()&0o007 != 0 {
		wrong.add("%s: %s may contain a password or a key, but other users can read the file (mode %04o); run: chmod o= %[1]s", path, variable, info.Mode().Perm())
	}
}

var settingName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// add adds a line, or returns what is wrong with it. That never contains the value, which may be a secret.
func (f configFile) add(number int, line string) (problem string) {
	name, value, found := strings.Cut(line, "=")
	if !found || !settingName.MatchString(name) {
		return "write NAME=value, such as " + addrOption.variable + "=" + addrOption.fallback
	}
	names := []string{}
	for _, o := range serveOptions {
		names = append(names, o.variables()...)
	}
	advice, isRemoved := removed(name)
	switch {
	case isRemoved:
		return name + ": " + advice
	case name == configOption.variable:
		return name + ": remove it; a file can't name another one"
	case !slices.Contains(names, name):
		return name + ": unknown setting; did you mean " + nearest(name, names) + "?"
	case f.lines[name] != 0:
		return fmt.Sprintf("%s: already set on line %d", name, f.lines[name])
	}
	f.lines[name] = number
	value, err := unquote(value)
	if err != nil {
		return name + ": " + err.Error()
	}
	f.values[name] = value
	return ""
}

var errQuotes = errors.New(`write the value alone or in one pair of quotes; a backslash needs single quotes, and " #" needs quotes`)

// unquote returns a value without its quotes. It rejects what systemd and others read differently.
func unquote(value string) (string, error) {
	for quote, special := range map[string]string{`"`: `"\`, `'`: `'`} {
		if inner, quoted := strings.CutPrefix(value, quote); quoted {
			inner, closed := strings.CutSuffix(inner, quote)
			if !closed || strings.ContainsAny(inner, special) {
				return "", errQuotes
			}
			return inner, nil
		}
	}
	if strings.ContainsAny(value, `"'\`) || strings.Contains(value, " #") {
		return "", errQuotes
	}
	return value, nil
}

// secret returns the first variable in the file whose value may contain a password or a key, or "".
func (f configFile) secret() string {
	for _, variable := range secretVariables {
		if value := f.values[variable]; value != "" && !strings.HasPrefix(value, "sqlite:") {
			return variable
		}
	}
	return ""
}

// maxSettingFile limits the size of a file with settings or with the value of one, in bytes.
const maxSettingFile = 64 << 10

func readLimited(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSettingFile+1))
	if err == nil && len(text) > maxSettingFile {
		err = fmt.Errorf("the file is larger than %d bytes", maxSettingFile)
	}
	return string(text), err
}

// showSources adds to the help of cmd which of its settings are set, and where, without their values.
func (p *program) showSources(cmd *cobra.Command) {
	var ignored usageErrors // the command itself reports them
	p.readConfig(cmd, &ignored)
	for _, o := range serveOptions {
		flag := cmd.Flags().Lookup(o.flag)
		if flag == nil || flag.Changed {
			continue
		}
		if _, from, _ := p.given(cmd, o); from.place != "" {
			flag.Usage = strings.TrimSuffix(flag.Usage, "]") + ", set " + from.place + "]"
		}
	}
}

// sources returns a sentence that lists which of the options are set, and where.
func (p *program) sources(cmd *cobra.Command, options []option) string {
	var set []string
	for _, o := range options {
		if _, from, _ := p.given(cmd, o); from.place != "" {
			set = append(set, o.variable+" "+from.place)
		}
	}
	if len(set) == 0 {
		return "All settings have their defaults."
	}
	return "These settings are set: " + strings.Join(set, ", ") + ". All others have their defaults."
}
