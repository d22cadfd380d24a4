package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

const hookBody = `{"url":"https://hooks.example.com/skipup","description":"CRM","events":["seat.assigned","member.added"]}`

func TestWebhookEndpoints(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.WebhooksRead, scope.WebhooksWrite, scope.MembersRead, scope.SeatsRead)
		var created, shown objectBody
		s.Want(t, http.StatusCreated, key, "POST", "/webhook_endpoints", hookBody).JSON(t, &created)
		secret, _ := created.Data["secret"].(string)
		if !strings.HasPrefix(secret, "whsec_") {
			t.Errorf("secret = %q, want prefix whsec_", secret)
		}
		delete(created.Data, "secret")
		id := created.Data["id"].(string)
		want := map[string]any{
			"id": id, "url": "https://hooks.example.com/skipup", "description": "CRM", "enabled": true, "events": []any{"member.added", "seat.assigned"},
			"disabled_at": nil, "disabled_reason": nil, "created_at": "2026-03-14T09:26:53Z", "updated_at": "2026-03-14T09:26:53Z",
		}
		s.Want(t, http.StatusOK, key, "GET", "/webhook_endpoints/"+id, "").JSON(t, &shown)
		if diff := cmp.Diff(want, created.Data); diff != "" {
			t.Errorf("created endpoint (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, shown.Data); diff != "" {
			t.Errorf("endpoint (-want +got):\n%s", diff)
		}
		var list listBody
		s.Want(t, http.StatusOK, key, "GET", "/webhook_endpoints", "").JSON(t, &list)
		if diff := cmp.Diff([]map[string]any{want}, list.Data); diff != "" {
			t.Error(diff)
		}

		var changed objectBody
		s.Want(t, http.StatusOK, key, "PATCH", "/webhook_endpoints/"+id, `{"enabled":false,"description":null,"events":["seat.assigned"]}`).JSON(t, &changed)
		want["enabled"], want["description"], want["events"] = false, nil, []any{"seat.assigned"}
		want["disabled_at"], want["disabled_reason"] = "2026-03-14T09:26:53Z", "manual"
		if diff := cmp.Diff(want, changed.Data); diff != "" {
			t.Error(diff)
		}
		checkError(t, s.Call(t, key, "POST", "/webhook_endpoints/"+id+"/ping", ""), 422, "invalid_request", "is disabled")
		s.Want(t, http.StatusOK, key, "PATCH", "/webhook_endpoints/"+id, `{"enabled":true,"url":"https://hooks.example.com/other"}`).JSON(t, &changed)
		want["enabled"], want["disabled_at"], want["disabled_reason"], want["url"] = true, nil, nil, "https://hooks.example.com/other"
		if diff := cmp.Diff(want, changed.Data); diff != "" {
			t.Error(diff)
		}

		var rotated objectBody
		s.Want(t, http.StatusOK, key, "POST", "/webhook_endpoints/"+id+"/rotate_secret", "").JSON(t, &rotated)
		if next, _ := rotated.Data["secret"].(string); !strings.HasPrefix(next, "whsec_") || next == secret {
			t.Errorf("secret after rotation = %q, want a new one", next)
		}
		s.Want(t, http.StatusNoContent, key, "DELETE", "/webhook_endpoints/"+id, "")
		s.Want(t, http.StatusNotFound, key, "DELETE", "/webhook_endpoints/"+id, "")
		if strings.Contains(s.Log.String(), secret) {
			t.Error("the log contains the secret")
		}
		if strings.Contains(s.Dump(t), secret) {
			t.Error("the database contains the secret")
		}
	})
}

func TestWebhookDeliveries(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.WebhooksRead, scope.WebhooksWrite, scope.MembersRead, scope.SeatsRead, scope.SeatsWrite)
		var created, ping, seat, again objectBody
		s.Want(t, http.StatusCreated, key, "POST", "/webhook_endpoints", hookBody).JSON(t, &created)
		path := "/webhook_endpoints/" + created.Data["id"].(string)
		s.Want(t, http.StatusCreated, key, "POST", "/seats", `{"member_id":"`+s.Admin.ID+`"}`).JSON(t, &seat)
		s.Want(t, http.StatusAccepted, key, "POST", path+"/ping", "").JSON(t, &ping)
		var list listBody
		s.Want(t, http.StatusOK, key, "GET", path+"/deliveries", "").JSON(t, &list)
		if len(list.Data) != 2 {
			t.Fatalf("%d deliveries, want 2", len(list.Data))
		}
		if got, want := list.Data[0]["id"], ping.Data["id"]; got != want {
			t.Errorf("latest delivery = %v, want %v", got, want)
		}
		payload, _ := list.Data[1]["payload"].(map[string]any)
		want := map[string]any{
			"id": list.Data[1]["id"], "event_type": "seat.assigned", "status": "pending", "response_code": nil, "attempts": 0.0,
			"payload":      map[string]any{"id": payload["id"], "type": "seat.assigned", "timestamp": "2026-03-14T09:26:53Z", "data": seat.Data},
			"delivered_at": nil, "last_attempted_at": nil, "created_at": "2026-03-14T09:26:53Z",
		}
		if diff := cmp.Diff(want, list.Data[1]); diff != "" {
			t.Error(diff)
		}
		s.Want(t, http.StatusOK, key, "GET", path+"/deliveries?event_type=seat.assigned&status=pending&limit=1", "").JSON(t, &list)
		if len(list.Data) != 1 {
			t.Errorf("%d pending deliveries of seat.assigned, want 1", len(list.Data))
		}
		if got := list.Meta["has_more"]; got != false {
			t.Errorf("has_more = %v, want false", got)
		}
		var page listBody
		shown, cursor := []any{}, ""
		for range 2 {
			page = listBody{}
			s.Want(t, http.StatusOK, key, "GET", path+"/deliveries?limit=1&cursor="+cursor, "").JSON(t, &page)
			for _, delivery := range page.Data {
				shown = append(shown, delivery["id"])
			}
			cursor, _ = page.Meta["next_cursor"].(string)
		}
		if diff := cmp.Diff([]any{ping.Data["id"], list.Data[0]["id"]}, shown); diff != "" {
			t.Errorf("deliveries in pages of one (-want +got):\n%s", diff)
		}
		if got := page.Meta["has_more"]; got != false {
			t.Errorf("has_more on the last page = %v, want false", got)
		}
		retry := path + "/deliveries/" + list.Data[0]["id"].(string) + "/retry"
		s.Want(t, http.StatusAccepted, key, "POST", retry, "").JSON(t, &again)
		if diff := cmp.Diff(want, again.Data); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWebhookErrors(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.WebhooksRead, scope.WebhooksWrite, scope.MembersRead, scope.SeatsRead)
	var created objectBody
	s.Want(t, http.StatusCreated, key, "POST", "/webhook_endpoints", hookBody).JSON(t, &created)
	mine := "/" + created.Data["id"].(string)
	other, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
	foreign, _, err := s.CreateWebhookEndpoint(t.Context(), other.ID, models.NewWebhookEndpoint{URL: "https://hooks.example.com", Events: []string{"seat.assigned"}})
	if err != nil {
		t.Fatal(err)
	}
	theirs := "/" + foreign.ID
	for _, tt := range []struct {
		method, path, body string
		status             int
		errorType, message string
	}{
		{"POST", "", `{}`, 422, "validation_error", "url is required"},
		{"POST", "", `{"url":"http://hooks.example.com","events":["seat.assigned"]}`, 422, "validation_error", "url must begin with https://"},
		{"POST", "", `{"url":"https://169.254.169.254/latest","events":["seat.assigned"]}`, 422, "validation_error", "url must point to a public host"},
		{"POST", "", `{"url":"https://hooks.example.com","events":["seat.sold"]}`, 422, "validation_error", "events[0] must be one of meeting_request.created"},
		{"POST", "", `{"url":"https://hooks.example.com","events":["seat.assigned"],"secret":"mine"}`, 422, "validation_error", `Unknown field \"secret\"`},
		{"PATCH", mine, `{"enabled":null}`, 422, "validation_error", "enabled must be true or false"},
		{"PATCH", mine, `{"url":null}`, 422, "validation_error", "url is required"},
		{"PATCH", mine, `{"events":[]}`, 422, "validation_error", "events must include at least one"},
		{"GET", mine + "/deliveries?status=lost", ``, 422, "validation_error", "status"},
		{"POST", mine + "/deliveries/whd_none/retry", ``, 404, "not_found", "Delivery"},
		{"GET", theirs, ``, 404, "not_found", "Webhook endpoint"},
		{"PATCH", theirs, `{"enabled":false}`, 404, "not_found", "Webhook endpoint"},
		{"DELETE", theirs, ``, 404, "not_found", "Webhook endpoint"},
		{"POST", theirs + "/ping", ``, 404, "not_found", "Webhook endpoint"},
		{"POST", theirs + "/rotate_secret", ``, 404, "not_found", "Webhook endpoint"},
		{"GET", theirs + "/deliveries", ``, 404, "not_found", "Webhook endpoint"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			before := s.Dump(t)
			checkError(t, s.Call(t, key, tt.method, "/webhook_endpoints"+tt.path, tt.body), tt.status, tt.errorType, tt.message)
			if diff := cmp.Diff(before, s.Dump(t)); diff != "" {
				t.Errorf("the rejected request changed the database (-before +after):\n%s", diff)
			}
		})
	}
}

// TestWebhooksRevealNoMoreThanScopes checks each way in which a key with webhooks scopes could learn
// what it can't read.
func TestWebhooksRevealNoMoreThanScopes(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		full := s.Key(t, scope.All.Scopes()...)
		var created, seat, retried objectBody
		s.Want(t, http.StatusCreated, full, "POST", "/webhook_endpoints", hookBody).JSON(t, &created)
		s.Want(t, http.StatusCreated, full, "POST", "/seats", `{"member_id":"`+s.Admin.ID+`"}`).JSON(t, &seat)
		path := "/webhook_endpoints/" + created.Data["id"].(string)

		key := s.Key(t, scope.WebhooksRead, scope.WebhooksWrite, scope.MembersRead)
		for _, call := range []struct{ method, path, body string }{
			{"POST", "/webhook_endpoints", hookBody},
			{"PATCH", path, `{"url":"https://attacker.example.com/"}`},
			{"PATCH", path, `{"events":["member.added","seat.assigned","seat.released"]}`},
			{"PATCH", path, `{"enabled":true}`},
		} {
			t.Run(call.method+" "+call.body, func(t *testing.T) {
				response := s.Call(t, key, call.method, call.path, call.body)
				checkError(t, response, http.StatusForbidden, "forbidden", "This API key can't have events sent that it can't read. It lacks seats.read.")
				if got := response.Header.Get("WWW-Authenticate"); got != "" {
					t.Errorf("WWW-Authenticate = %q, want none", got)
				}
			})
		}
		var list listBody
		s.Want(t, http.StatusOK, key, "GET", path+"/deliveries", "").JSON(t, &list)
		if got := list.Data[0]["payload"]; got != nil {
			t.Errorf("listed payload = %v, want null", got)
		}
		id := list.Data[0]["id"].(string)
		s.Want(t, http.StatusAccepted, key, "POST", path+"/deliveries/"+id+"/retry", "").JSON(t, &retried)
		if got := retried.Data["payload"]; got != nil {
			t.Errorf("payload of the retried delivery = %v, want null", got)
		}
		reader := s.Key(t, scope.WebhooksRead, scope.SeatsRead)
		s.Want(t, http.StatusOK, reader, "GET", path+"/deliveries", "").JSON(t, &list)
		if payload, _ := list.Data[0]["payload"].(map[string]any); payload["type"] != "seat.assigned" {
			t.Errorf("payload for a key with seats.read = %v, want the event", list.Data[0]["payload"])
		}

		s.Want(t, http.StatusOK, key, "PATCH", path, `{"enabled":false,"description":"Stopped"}`)
		s.Want(t, http.StatusOK, key, "PATCH", path, `{"enabled":true,"events":["member.added"]}`)
	})
}
