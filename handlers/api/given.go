package api

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skipup/keys/models"
)

// given is a member that may be left out, which is another thing than null.
type given[T any] struct{ models.Change[T] }

// UnmarshalJSONFrom notes that the member is there.
func (g *given[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	g.Given = true
	return json.UnmarshalDecode(decoder, &g.Value)
}

// momentOf is a time that may be left out, or null to take it away.
func momentOf(member string, text given[*string]) (models.Change[*time.Time], error) {
	moment, err := parseTimePointer(member, text.Value)
	return models.Change[*time.Time]{Given: text.Given, Value: moment}, err
}
