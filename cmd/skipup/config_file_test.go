package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// configFileWith returns the path of a new file with settings.
func configFileWith(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "skipup.env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigFile(t *testing.T) {
	path := configFileWith(t, `# Settings of the server.
; Another comment.

SKIPUP_ADDR=:1
SKIPUP_NODE_NAME=from-file
  SKIPUP_MAIL_FROM="SkipUp Keys <keys@example.com>"
SKIPUP_TLS_CERT='C:\cert # 1.pem'
SKIPUP_TLS_KEY=key.pem
SKIPUP_PUBLIC_URL=
SKIPUP_CACHE_MB=7`+"\r\n"+`DATABASE_URL_FILE=`+configFileWith(t, "sqlite:/file.db\n"))
	env := map[string]string{"SKIPUP_ADDR": ":2", "SKIPUP_NODE_NAME": "from-environment", "SKIPUP_CONFIG": path}
	s, err := loaded(t, env, "--addr", ":3")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "flag", string(s.Addr), ":3")
	modelstest.Equal(t, "variable", string(s.NodeName), "from-environment")
	modelstest.Equal(t, "double quotes", s.MailFrom.Name, "SkipUp Keys")
	modelstest.Equal(t, "single quotes", string(s.TLSCert), `C:\cert # 1.pem`)
	modelstest.Equal(t, "empty value", string(s.PublicURL), "")
	modelstest.Equal(t, "number", int(s.Cache), 7)
	modelstest.Equal(t, "secret in a file", string(s.Database), "sqlite:/file.db")

	env["DATABASE_URL"] = "sqlite:environment.db"
	if s, err = loaded(t, env, "--addr", ":3"); err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "variable instead of another's file", string(s.Database), "sqlite:environment.db")
}

// TestConfigFileMistakes checks that all mistakes are reported at once, with their lines and without values.
func TestConfigFileMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	path := configFileWith(t, `SKIPUP_ADDR=nonsense
SKIPUP_ADRR=hunter2
export SKIPUP_CACHE_MB=7
DATABASE_URL=mysql://ada:hunter2@db.internal/keys
SKIPUP_MAX_KEYS=1
SKIPUP_MAX_KEYS=hunter2
SKIPUP_NODE_NAME="hunter2
SKIPUP_MAIL_FROM=keys@example.com # hunter2
SKIPUP_KEY_ENVIRONMENT=live
SKIPUP_CONFIG=hunter2
SKIPUP_API_KEY=hunter2
`)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	got := skipup(t, nil, "serve", "--config", path, "--idle-timeout", "0s")
	want := []string{
		path + ":2: SKIPUP_ADRR: unknown setting; did you mean SKIPUP_ADDR?",
		path + ":3: write NAME=value, such as SKIPUP_ADDR=127.0.0.1:8080",
		path + ":6: SKIPUP_MAX_KEYS: already set on line 5",
		path + ":7: SKIPUP_NODE_NAME: " + errQuotes.Error(),
		path + ":8: SKIPUP_MAIL_FROM: " + errQuotes.Error(),
		path + ":9: SKIPUP_KEY_ENVIRONMENT: remove this setting",
		path + ":10: SKIPUP_CONFIG: remove it",
		path + ":11: SKIPUP_API_KEY: unknown setting; did you mean ",
		path + ": DATABASE_URL may contain a password or a key, but other users can read the file (mode 0644); run: chmod o= " + path,
		path + ":1: SKIPUP_ADDR: use HOST:PORT",
		path + ":4: DATABASE_URL: the database URL must be",
		"--idle-timeout (SKIPUP_IDLE_TIMEOUT): use a time",
	}
	got.requireFailure(t, exitUsage, want...)
	modelstest.Equal(t, "mistakes", strings.Count(got.stderr, "\n  "), len(want))
	wantNoFiles(t)

	skipup(t, nil, "migrate", "--config", "/nowhere.env").requireFailure(t, exitUsage, "--config (SKIPUP_CONFIG): open /nowhere.env: no such file or directory")
}

func TestCommandsUseTheConfigFile(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	config := configFileWith(t, "DATABASE_URL="+env["DATABASE_URL"]+"\nSKIPUP_PUBLIC_URL=https://keys.invalid\n")
	listed := skipup(t, nil, "workspace", "list", "--config", config)
	listed.requireCode(t, exitOK)
	modelstest.Contains(t, "stdout", listed.stdout, workspace)
	done := skipup(t, map[string]string{"SKIPUP_CONFIG": config, "REDIS_URL": "redis://:hunter2@127.0.0.1:1"}, "doctor", "--json", "--addr", ":1")
	wantFound(t, done, "settings", models.LevelOK, "These settings are set: SKIPUP_ADDR on the command line, DATABASE_URL in "+config+":1, SKIPUP_PUBLIC_URL in "+config+":2, REDIS_URL in the environment. All others")
}
