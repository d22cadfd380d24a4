package api

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skipup/keys/models"
)

// given is a field that distinguishes between omitted and null.
type given[T any] struct{ models.Change[T] }

// UnmarshalJSONFrom implements json.UnmarshalerFrom. It is only called if the field is present.
func (g *given[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	g.Given = true
	return json.UnmarshalDecode(decoder, &g.Value)
}

// timeChange returns the change of a time that may be omitted, or null to remove it.
func timeChange(field string, text given[*rfc3339]) (models.Change[*time.Time], error) {
	t, err := parseTimePointer(field, text.Value)
	return models.Change[*time.Time]{Given: text.Given, Value: t}, err
}
