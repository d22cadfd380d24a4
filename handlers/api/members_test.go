package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

func TestMembers(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, full := s.Key(t, scope.MembersRead, scope.MembersWrite), s.Key(t, scope.All.Scopes()...)
		var created objectBody
		s.Want(t, http.StatusCreated, full, "POST", "/workspace_members", `{"email":"Grace@Acme.test","name":"Grace","role":"admin"}`).JSON(t, &created)
		want := map[string]any{
			"id": created.Data["id"], "email": "grace@acme.test", "name": "Grace", "role": "admin", "deactivated_at": nil, "created_at": "2026-03-14T09:26:53Z",
		}
		if diff := cmp.Diff(want, created.Data); diff != "" {
			t.Error(diff)
		}
		s.Want(t, http.StatusCreated, key, "POST", "/workspace_members", `{"email":"alan@acme.test"}`).JSON(t, &created)
		for field, want := range map[string]any{"role": "member", "name": nil} {
			if got := created.Data[field]; got != want {
				t.Errorf("%s of a member added by email = %v, want %v", field, got, want)
			}
		}
		checkEmails := func(query string, want ...string) {
			t.Helper()
			var list listBody
			s.Want(t, http.StatusOK, key, "GET", "/workspace_members"+query, "").JSON(t, &list)
			got := []string{}
			for _, member := range list.Data {
				got = append(got, member["email"].(string))
			}
			if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
				t.Errorf("emails with %q (-want +got):\n%s", query, diff)
			}
		}
		checkEmails("", "alan@acme.test", "grace@acme.test", handlerstest.AdminEmail)
		checkEmails("?email=GRACE@acme.test", "grace@acme.test")
		checkEmails("?role=member", "alan@acme.test")
		checkEmails("?email=unknown@acme.test")

		id := created.Data["id"].(string)
		s.Want(t, http.StatusOK, key, "POST", "/workspace_members/"+id+"/deactivate", "").JSON(t, &created)
		if got, want := created.Data["deactivated_at"], "2026-03-14T09:26:53Z"; got != want {
			t.Errorf("deactivated_at = %v, want %v", got, want)
		}
		checkEmails("", "grace@acme.test", handlerstest.AdminEmail)
		checkError(t, s.Call(t, key, "POST", "/workspace_members/"+id+"/deactivate", "{}"), 422, "invalid_request", "already deactivated")
		s.Want(t, http.StatusOK, key, "POST", "/workspace_members/"+id+"/reactivate", "")
		checkError(t, s.Call(t, key, "POST", "/workspace_members/"+id+"/reactivate", ""), 422, "invalid_request", "already active")
		checkError(t, s.Call(t, full, "POST", "/workspace_members/"+s.Admin.ID+"/deactivate", ""), 422, "invalid_request", "last admin")
	})
}

// TestMembersWriteManagesNoAdmins checks that a key with members.write can't gain more access through
// an admin, and that the error differs from that of a missing scope.
func TestMembersWriteManagesNoAdmins(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, full := s.Key(t, scope.MembersWrite), s.Key(t, scope.All.Scopes()...)
		var created objectBody
		s.Want(t, http.StatusCreated, full, "POST", "/workspace_members", `{"email":"grace@acme.test","role":"admin"}`).JSON(t, &created)
		grace := created.Data["id"].(string)
		s.Want(t, http.StatusOK, full, "POST", "/workspace_members/"+grace+"/deactivate", "")
		before := s.Dump(t)
		for _, call := range []struct{ path, body string }{
			{"", `{"email":"eve@acme.test","role":"admin"}`},
			{"", `{"email":"grace@acme.test"}`},
			{"/" + grace + "/reactivate", ""},
			{"/" + s.Admin.ID + "/deactivate", ""},
		} {
			t.Run(call.path+" "+call.body, func(t *testing.T) {
				response := s.Call(t, key, "POST", "/workspace_members"+call.path, call.body)
				checkError(t, response, http.StatusForbidden, "forbidden", "Only an API key with every scope can add or change an admin or a key manager. This API key lacks meeting_requests.read")
				if got := response.Header.Get("WWW-Authenticate"); got != "" {
					t.Errorf("WWW-Authenticate = %q, want none", got)
				}
			})
		}
		if diff := cmp.Diff(before, s.Dump(t)); diff != "" {
			t.Errorf("rejected calls changed the database (-before +after):\n%s", diff)
		}
		s.Want(t, http.StatusOK, full, "POST", "/workspace_members/"+grace+"/reactivate", "").JSON(t, &created)
		if got := created.Data["role"]; got != "admin" {
			t.Errorf("role of the reactivated admin = %v, want admin", got)
		}
	})
}

func TestMemberErrors(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.MembersRead, scope.MembersWrite)
	_, theirs := s.NewWorkspace(t, "Rival", "rival@rival.test")
	for _, tt := range []struct {
		method, path, body string
		status             int
		errorType, message string
	}{
		{"POST", "", `{}`, 422, "validation_error", "email is required"},
		{"POST", "", `{"email":"nobody"}`, 422, "validation_error", "email must be a valid email"},
		{"POST", "", `{"email":"ada@acme.test"}`, 422, "validation_error", "email belongs to someone who is already a member"},
		{"POST", "", `{"email":"a@acme.test","name":""}`, 422, "validation_error", "name must not be empty"},
		{"POST", "", `{"email":"a@acme.test","role":"owner"}`, 422, "validation_error", "role must be admin or member"},
		{"POST", "", `{"email":"a@acme.test","role":""}`, 422, "validation_error", "role must be admin or member"},
		{"POST", "", `{"email":"a@acme.test","password":"x"}`, 422, "validation_error", `Unknown field \"password\"`},
		{"POST", "/" + theirs.ID + "/deactivate", ``, 404, "not_found", ""},
		{"POST", "/mem_none/reactivate", ``, 404, "not_found", ""},
		{"POST", "/" + s.Admin.ID + "/deactivate", `{"ID":"mem_none"}`, 422, "validation_error", `Unknown field \"ID\"`},
		{"POST", "/" + s.Admin.ID + "/deactivate", `[]`, 422, "validation_error", "the body must be an object"},
		{"GET", "?email=nobody", ``, 422, "validation_error", "email"},
		{"GET", "?role=owner", ``, 422, "validation_error", "role"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			checkError(t, s.Call(t, key, tt.method, "/workspace_members"+tt.path, tt.body), tt.status, tt.errorType, tt.message)
		})
	}
}

func TestSeats(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.SeatsRead, scope.SeatsWrite)
		var capacity objectBody
		s.Want(t, http.StatusOK, key, "PATCH", "/seats", `{"capacity":1}`).JSON(t, &capacity)
		if diff := cmp.Diff(map[string]any{"capacity": 1.0, "used": 0.0, "available": 1.0}, capacity.Data); diff != "" {
			t.Error(diff)
		}
		var created objectBody
		s.Want(t, http.StatusCreated, key, "POST", "/seats", `{"member_id":"`+s.Admin.ID+`"}`).JSON(t, &created)
		want := map[string]any{"id": created.Data["id"], "member_id": s.Admin.ID, "member_email": handlerstest.AdminEmail, "assigned_at": "2026-03-14T09:26:53Z"}
		if diff := cmp.Diff(want, created.Data); diff != "" {
			t.Error(diff)
		}
		var list listBody
		s.Want(t, http.StatusOK, key, "GET", "/seats", "").JSON(t, &list)
		wantMeta := map[string]any{"limit": 25.0, "has_more": false, "next_cursor": nil, "capacity": 1.0, "used": 1.0, "available": 0.0}
		if diff := cmp.Diff(listBody{[]map[string]any{want}, wantMeta}, list); diff != "" {
			t.Error(diff)
		}

		grace, err := s.Store.Store.AddMember(context.Background(), s.Workspace.ID, models.NewMember{Email: "grace@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			method, path, body string
			status             int
			errorType, message string
		}{
			{"POST", "", `{"member_id":"` + grace.ID + `"}`, 422, "invalid_request", "The only seat is in use"},
			{"POST", "", `{"member_id":"` + s.Admin.ID + `"}`, 422, "invalid_request", "already has a seat"},
			{"POST", "", `{"member_id":"mem_none"}`, 422, "validation_error", "member_id"},
			{"POST", "", `{}`, 422, "validation_error", "member_id is required"},
			{"PATCH", "", `{"capacity":0}`, 422, "invalid_request", "1 seat is in use"},
			{"PATCH", "", `{"capacity":-1}`, 422, "validation_error", "capacity must be a whole number"},
			{"PATCH", "", `{"capacity":1.5}`, 422, "validation_error", "capacity must be a whole number"},
			{"PATCH", "", `{}`, 422, "validation_error", "capacity is required"},
			{"DELETE", "/seat_none", ``, 404, "not_found", ""},
		} {
			t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
				checkError(t, s.Call(t, key, tt.method, "/seats"+tt.path, tt.body), tt.status, tt.errorType, tt.message)
			})
		}
		s.Want(t, http.StatusNoContent, key, "DELETE", "/seats/"+created.Data["id"].(string), "")
		s.Want(t, http.StatusNotFound, key, "DELETE", "/seats/"+created.Data["id"].(string), "")
	})
}

// TestRolesInTheAPI checks that the API knows only admin and member, which key managers are.
func TestRolesInTheAPI(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		full := s.Key(t, scope.All.Scopes()...)
		kim := s.AddMember(t, s.Workspace, "kim@acme.test")
		if _, err := s.ChangeMemberRole(t.Context(), s.Workspace.ID, kim.ID, models.KeyManager); err != nil {
			t.Fatal(err)
		}
		for role, want := range map[string]string{"member": kim.ID, "admin": s.Admin.ID} {
			response := s.Want(t, http.StatusOK, full, "GET", "/workspace_members?role="+role, "")
			modelstest.Contains(t, "members with the role "+role, response.Body, want, `"role":"`+role+`"`)
			modelstest.Equal(t, "members with the role "+role, strings.Count(response.Body, `"id"`), 1)
		}
		s.Want(t, http.StatusUnprocessableEntity, full, "GET", "/workspace_members?role=key_manager", "")
		s.Want(t, http.StatusUnprocessableEntity, full, "POST", "/workspace_members", `{"email":"eve@acme.test","role":"key_manager"}`)
	})
}
