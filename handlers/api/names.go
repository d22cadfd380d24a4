package api

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
)

// checkQuery returns an error unless each query parameter is one that in, a pointer to a struct with
// query tags, knows by exactly this name, and has one value that isn't empty. Otherwise a misspelled
// filter would return a list without that filter.
func checkQuery(c echo.Context, in any) error {
	if c.Request().URL.RawQuery == "" {
		return nil
	}
	var errs []error
	goType, query := reflect.TypeOf(in), c.QueryParams()
	known := namesOf(goType, "query")
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch values := query[name]; {
		case !slices.Contains(known, name):
			errs = append(errs, unknownName("query parameter", printable(name, "a parameter"), name, known))
		case len(values) > 1:
			errs = append(errs, invalid(name, "must be given once"))
		case values[0] == "" && !mayBeEmpty(goType, name):
			errs = append(errs, invalid(name, "must not be empty; omit it instead"))
		}
	}
	return models.JoinInvalid(errs...)
}

// unknownName returns the error for a field or query parameter that doesn't exist. Its message names the
// known name that is closest to name or, if none is, all known ones.
func unknownName(what, field, name string, known []string) error {
	hint := ""
	if nearest := models.Nearest(name, known); nearest != "" {
		hint = fmt.Sprintf(" Did you mean %q?", nearest)
	} else if len(known) > 0 {
		hint = " Known names: " + strings.Join(known, ", ") + "."
	}
	return &models.Error{Kind: models.Invalid, Message: fmt.Sprintf("Unknown %s %q.%s", what, field, hint),
		Fields: models.Fields{field: "is unknown." + hint}}
}

// namesOf returns the names that fields of a struct have in tags of the given kind, sorted. The type may
// be a pointer to a struct.
func namesOf(goType reflect.Type, kind string) (names []string) {
	eachField(goType, func(field reflect.StructField) {
		if name, _, _ := strings.Cut(field.Tag.Get(kind), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	})
	slices.Sort(names)
	return names
}

// mayBeEmpty reports whether a query parameter may be empty.
func mayBeEmpty(goType reflect.Type, name string) (may bool) {
	eachField(goType, func(field reflect.StructField) {
		may = may || field.Tag.Get("query") == name && field.Tag.Get("empty") == "allowed"
	})
	return may
}

// eachField calls fn for each field of a struct and of the structs that it embeds.
func eachField(goType reflect.Type, fn func(reflect.StructField)) {
	for goType != nil && goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	if goType == nil || goType.Kind() != reflect.Struct {
		return
	}
	for _, field := range reflect.VisibleFields(goType) {
		fn(field)
	}
}
