package audit

import (
	"encoding/json"
	"strconv"

	"github.com/skipup/keys/models"
)

// Columns lists the names of the columns that Row returns.
var Columns = []string{
	"time", "actor", "actor_type", "actor_id", "event", "action", "target_type", "target_id", "target", "details", "address", "user_agent", "id", "seq", "hash",
}

// Row returns event as a CSV row, with the time in UTC and the details as JSON.
func Row(event models.AuditEvent) []string {
	details, err := json.Marshal(event.Details)
	if err != nil {
		panic("marshal details: " + err.Error()) // a map of strings can always be marshaled
	}
	actorID := ""
	if event.ActorID != nil {
		actorID = *event.ActorID
	}
	return []string{
		event.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), ActorName(event), string(event.ActorType), actorID,
		Sentence(event), event.Action, event.TargetType, event.TargetID, event.TargetName, string(details),
		event.Address, event.UserAgent, event.ID, strconv.FormatInt(event.Seq, 10), hashOf(event),
	}
}
