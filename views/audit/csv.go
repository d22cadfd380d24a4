package audit

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// Columns lists the names of the columns that Row returns.
var Columns = []string{
	"time", "actor", "actor_type", "actor_id", "event", "action", "target_type", "target_id", "target", "details", "address", "user_agent", "id", "seq", "hash",
}

// Row returns event as a CSV row, with the time in UTC and the details as JSON. Roles are named as on pages.
func Row(event models.AuditEvent) []string {
	readable := maps.Clone(event.Details)
	for name, value := range readable {
		if isRole(event, name) {
			readable[name] = ui.RoleLabel(models.Role(value))
		}
	}
	details, err := json.Marshal(readable)
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
