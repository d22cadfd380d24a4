package models_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm/schema"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestStatementsNameTheirColumns(t *testing.T) {
	all := regexp.MustCompile(`(?i)\b(SELECT|RETURNING)\s+\*|\b[a-z_]+\.\*(\s|,|$)`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && all.MatchString(text.Value) {
				t.Errorf("%s: a statement selects all columns: %s", set.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}

// Nodes of the version before a migration serve while it adds columns. No query fails, not even one that would be
// repeated.
func TestAddColumnUnderLoad(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	used := s.key(t, "used")
	register := func() (string, error) {
		return s.RegisterNode(s.ctx, models.NewNode{Name: "node", Version: "test", StartedAt: s.Now()})
	}
	node, err := register()
	if err != nil {
		t.Fatal(err)
	}
	read := func(read func(tx *models.Store) error) func() error {
		return func() error {
			calls := 0
			return s.Tx(s.ctx, func(tx *models.Store) error {
				if calls++; calls > 1 {
					return errors.New("the transaction was repeated")
				}
				return read(tx)
			})
		}
	}
	operations := map[string]func() error{
		"verify": read(func(tx *models.Store) error {
			_, err := tx.APIKeyByDigest(s.ctx, used.Digest)
			return err
		}),
		"list keys": read(func(tx *models.Store) error {
			_, err := tx.APIKeys(s.ctx, s.id, models.APIKeyFilter{})
			return err
		}),
		"descendants": read(func(tx *models.Store) error {
			_, err := tx.Descendants(s.ctx, s.id, []string{used.ID})
			return err
		}),
		"load scopes": read(func(tx *models.Store) error { return tx.LoadScopes(s.ctx) }),
		"every table": read(func(tx *models.Store) error {
			for _, row := range models.Rows {
				if err := tx.DB().Limit(1).Find(reflect.New(reflect.TypeOf(row).Elem()).Interface()).Error; err != nil {
					return err
				}
			}
			return nil
		}),
		"poll": func() error {
			changes, err := s.KeyChanges(s.ctx, node, models.UnknownKeys)
			if err == nil {
				err = s.AcknowledgeKeyChanges(s.ctx, node, changes.State)
			}
			if errors.Is(err, models.ErrNodeRemoved) { // it was slower than the short lease
				node, err = register()
			}
			return err
		},
		"create and delete a key": func() error {
			key, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "short-lived"})
			if err != nil {
				return err
			}
			_, err = s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		},
	}
	loading, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	rounds := make(map[string]*atomic.Int64, len(operations))
	for name, operation := range operations {
		done := new(atomic.Int64)
		rounds[name] = done
		running.Go(func() {
			for loading.Err() == nil {
				if err := operation(); err != nil {
					t.Errorf("%s: %v", name, err)
					stop()
				}
				done.Add(1)
			}
		})
	}
	// Each operation runs before and after each change to the schema.
	awaitRounds := func() {
		for _, done := range rounds {
			for before := done.Load(); done.Load() < before+2 && loading.Err() == nil; {
				time.Sleep(time.Millisecond)
			}
		}
	}
	awaitRounds()
	for _, row := range models.Rows {
		parsed, err := schema.Parse(row, &sync.Map{}, s.DB().NamingStrategy)
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "ALTER TABLE "+parsed.Table+" ADD COLUMN added text NOT NULL DEFAULT ''")
	}
	awaitRounds()
	stop()
	running.Wait()
}

// Outside a transaction, a query is repeated if a migration has changed the type of a column.
func TestChangeColumnType(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	for _, kind := range []string{"varchar(500)", "text"} {
		for range 10 {
			if _, err := s.APIKeyByDigest(s.ctx, key.Digest); err != nil {
				t.Fatalf("before the type is %s: %v", kind, err)
			}
		}
		s.Exec(t, "ALTER TABLE api_keys ALTER COLUMN name TYPE "+kind)
		got, err := s.APIKeyByDigest(s.ctx, key.Digest)
		if err != nil {
			t.Fatalf("after the type is %s: %v", kind, err)
		}
		modelstest.Equal(t, "name", got.Name, "CI")
	}
}

// A transaction is repeated once, with all of its statements prepared again.
func TestChangeColumnTypesOfATransaction(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	other := s.Another(t)
	until := s.Now().Add(time.Hour)
	changes := map[string]func() error{
		"pause and resume a key": func() error {
			_, err := other.PauseAPIKey(s.ctx, s.id, key.ID, until)
			if err == nil {
				_, err = other.ResumeAPIKey(s.ctx, s.id, key.ID)
			}
			return err
		},
		"create a key": func() error {
			_, _, err := other.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
			return err
		},
	}
	for _, kind := range []string{"varchar(500)", "text"} {
		for range 5 { // so that the statements are prepared
			for name, change := range changes {
				if err := change(); err != nil {
					t.Fatalf("%s before the type is %s: %v", name, kind, err)
				}
			}
		}
		for _, column := range []string{"api_keys ALTER COLUMN name", "workspaces ALTER COLUMN name"} {
			s.Exec(t, "ALTER TABLE "+column+" TYPE "+kind)
		}
		for name, change := range changes {
			if err := change(); err != nil {
				t.Errorf("%s after the type is %s: %v", name, kind, err)
			}
		}
	}
}
