package audit

import (
	"encoding/json"
	"strconv"

	"github.com/skipup/keys/models"
)

// Columns are the names of the cells of Row.
var Columns = []string{
	"time", "actor", "actor_type", "actor_id", "event", "action", "target_type", "target_id", "target", "details", "address", "user_agent", "id", "seq", "hash",
}

// Row is event as a row of a table, with the time in UTC and the details as JSON.
func Row(event models.AuditEvent) []string {
	details, err := json.Marshal(event.Details)
	if err != nil {
		panic("a map of texts has no JSON: " + err.Error())
	}
	actorID := ""
	if event.ActorID != nil {
		actorID = *event.ActorID
	}
	return []string{
		event.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), ActorName(event), string(event.ActorType), actorID,
		sentence(event), event.Action, event.TargetType, event.TargetID, event.TargetName, string(details),
		event.Address, event.UserAgent, event.ID, strconv.FormatInt(event.Seq, 10), hashOf(event),
	}
}
