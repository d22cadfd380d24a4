package modelstest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Equal fails the test unless got equals want. It compares times by instant, and pointers by what
// they point to.
func Equal[T any](t testing.TB, name string, got, want T) {
	t.Helper()
	if !cmp.Equal(got, want) {
		t.Errorf("%s = %s, want %s", name, shown(got), shown(want))
	}
}

func shown(value any) string {
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return shown(v.Elem().Interface())
	case v.Kind() == reflect.String:
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%+v", value)
}

// Contains fails the test unless text contains each of the parts.
func Contains(t testing.TB, name, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", name, part, text)
		}
	}
}
