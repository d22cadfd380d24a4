package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// keyOf creates a key as a member.
func keyOf(t *testing.T, s *handlerstest.Server, member *models.Member, name string) *models.APIKey {
	t.Helper()
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: member.ID, Name: member.DisplayName(), Role: models.Admin})
	key, _, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ownerOf returns the ID of the owner of a key now.
func ownerOf(t *testing.T, s *handlerstest.Server, key *models.APIKey) string {
	t.Helper()
	now, err := s.APIKey(t.Context(), s.Workspace.ID, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if now.OwnerID == nil {
		return ""
	}
	return *now.OwnerID
}

// TestOwnerIsChosenAndChanged checks the owner from the form for a new key to the list.
func TestOwnerIsChosenAndChanged(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	modelstest.Equal(t, "choice of the only member", document(t, b.Get(listPath+"/new")).Find("#field-owner_id").Length(), 0)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	admin := memberOf(t, s, handlerstest.AdminEmail)
	form := document(t, b.Get(listPath+"/new"))
	modelstest.Equal(t, "owner of a new key", form.Find("#field-owner_id option[selected]").AttrOr("value", ""), admin.ID)

	b.Post(listPath, url.Values{"name": {"CI"}, "owner_id": {mel.ID}, "form_id": {"ci"}, "expiry": {"never"}}).Want(t, http.StatusCreated)
	key := newestKey(t, s)
	modelstest.Equal(t, "owner", ownerOf(t, s, key), mel.ID)
	path := listPath + "/" + key.ID
	modelstest.Equal(t, "owner of a duplicate", document(t, b.Get(listPath+"/new?from="+key.ID)).Find("#field-owner_id option[selected]").AttrOr("value", ""), mel.ID)
	modelstest.Contains(t, "list", document(t, b.Get(listPath)).Find("#keys tbody tr").Text(), mel.DisplayName())

	b.Post(membersPath+"/"+mel.ID+"/deactivate", url.Values{"new_owner_id": {"none"}})
	page := document(t, b.Get(path))
	modelstest.Equal(t, "owner who has left", page.Find("#field-owner_id option[selected]").Text(), mel.DisplayName()+" (deactivated)")
	list := document(t, b.Get(listPath+"?owner="+mel.ID))
	row := list.Find("#keys tbody tr")
	row.Find(".sr-only").Remove()
	modelstest.Contains(t, "visible text of the row", row.Text(), "(deactivated)")
	modelstest.Equal(t, "option of the filter", list.Find("#field-owner option[selected]").Text(), mel.DisplayName()+" (deactivated)")
	b.Post(path, url.Values{"name": {"Nightly"}, "owner_id": {mel.ID}}).Want(t, http.StatusSeeOther)
	rejected := b.Post(path, url.Values{"name": {"Nightly"}, "owner_id": {"mem_none"}})
	rejected.Want(t, http.StatusUnprocessableEntity, "Owner must be an active member of this workspace.")
	b.Post(path, url.Values{"name": {"Nightly"}, "owner_id": {admin.ID}}).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "owner after a change", ownerOf(t, s, key), admin.ID)
	b.Get(path).Want(t, http.StatusOK, "changed the owner of")
}

// TestDetailsKeepANewerOwner checks that a form changes the owner only if the person did, as the owner may have changed
// in another tab.
func TestDetailsKeepANewerOwner(t *testing.T) {
	tests := []struct {
		name    string
		large   bool
		entered func(*models.Member) string // into the field for the owner
	}{
		{"list of members", false, func(m *models.Member) string { return m.ID }},
		{"text field", true, func(m *models.Member) string { return m.User.Email }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := handlerstest.New(t)
			mel, vic, admin := s.AddMember(t, s.Workspace, "mel@acme.test"), s.AddMember(t, s.Workspace, "vic@acme.test"), memberOf(t, s, handlerstest.AdminEmail)
			if tt.large {
				addPeople(t, s)
			}
			key := keyOf(t, s, mel, "CI")
			path := listPath + "/" + key.ID
			b := s.SignedIn(t, handlerstest.AdminEmail)
			fields := func(page handlerstest.Response) (before, shown string) {
				form := document(t, page)
				return form.Find(`input[name="owner_before"]`).AttrOr("value", ""), form.Find("input#field-owner_id, #field-owner_id option[selected]").AttrOr("value", "")
			}
			before, shown := fields(b.Get(path))
			modelstest.Equal(t, "owner in the form", shown, tt.entered(mel))
			save := func(name, owner string) handlerstest.Response {
				return b.Post(path, url.Values{"name": {name}, "owner_before": {before}, "owner_id": {owner}})
			}

			save("CI", tt.entered(vic)).Want(t, http.StatusSeeOther)
			save("Nightly", shown).Want(t, http.StatusSeeOther)
			modelstest.Equal(t, "owner after an older tab changed the name", ownerOf(t, s, key), vic.ID)
			b.Post(membersPath+"/"+mel.ID+"/deactivate", nil).Want(t, http.StatusSeeOther)
			save("Weekly", shown).Want(t, http.StatusSeeOther)
			modelstest.Equal(t, "owner after the earlier one was deactivated", ownerOf(t, s, key), vic.ID)
			rejected := save("", shown)
			rejected.Want(t, http.StatusUnprocessableEntity)
			before, shown = fields(rejected)
			save("Daily", shown).Want(t, http.StatusSeeOther)
			modelstest.Equal(t, "owner after a rejected attempt and another", ownerOf(t, s, key), vic.ID)
			save("Weekly", tt.entered(&admin.Member)).Want(t, http.StatusSeeOther)
			modelstest.Equal(t, "owner after an older tab changed it", ownerOf(t, s, key), admin.ID)
		})
	}
}

// TestKeysAreAssignedTogether checks the dialog of the bulk bar, and that a viewer can't use it.
func TestKeysAreAssignedTogether(t *testing.T) {
	s := handlerstest.New(t)
	mel, vic := s.AddMember(t, s.Workspace, "mel@acme.test"), s.AddMember(t, s.Workspace, "vic@acme.test")
	one, two, other := keyOf(t, s, mel, "One"), keyOf(t, s, mel, "Two"), keyOf(t, s, vic, "Other")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Post(membersPath+"/"+mel.ID+"/deactivate", nil)
	admin := memberOf(t, s, handlerstest.AdminEmail)

	found := document(t, b.Get(listPath+"?review=owner_left"))
	modelstest.Equal(t, "keys whose owner left", found.Find("#keys tbody tr").Length(), 2)
	all := found.Find(`#keys a[href*="/api-keys/owner?review="]`)
	modelstest.Equal(t, "action", strings.TrimSpace(all.Text()), "Assign all 2…")
	dialog := document(t, b.Get(all.AttrOr("href", "")))
	modelstest.Equal(t, "keys in the dialog", dialog.Find(`#panel input[name="key"]`).Length(), 2)
	modelstest.Equal(t, "selected owner", dialog.Find("#field-owner_id option[selected]").AttrOr("value", ""), admin.ID)
	modelstest.Equal(t, "deactivated owners to choose from", dialog.Find(`#field-owner_id option[value="`+mel.ID+`"]`).Length(), 0)

	owner := listPath + "/owner"
	keys := []string{one.ID, two.ID}
	b.Post(owner, url.Values{"key": keys, "owner_id": {mel.ID}}).Want(t, http.StatusUnprocessableEntity, "New owner must be an active member of this workspace.")
	b.Post(owner, url.Values{"key": {one.ID, "key_none"}, "owner_id": {vic.ID}}).Want(t, http.StatusUnprocessableEntity, "one of these keys no longer exists")
	modelstest.Equal(t, "owner after rejected attempts", ownerOf(t, s, one), mel.ID)
	b.Post(owner, url.Values{"key": keys, "owner_id": {vic.ID}}).Want(t, http.StatusSeeOther)
	b.Get(listPath).Want(t, http.StatusOK, "Assigned 2 keys to")
	for _, key := range []*models.APIKey{one, two, other} {
		modelstest.Equal(t, "owner of "+key.Name, ownerOf(t, s, key), vic.ID)
	}
	viewer := s.SignedIn(t, "vic@acme.test")
	viewer.Get(owner+"?key="+one.ID).Want(t, http.StatusForbidden)
	viewer.Post(owner, url.Values{"key": keys, "owner_id": {vic.ID}}).Want(t, http.StatusForbidden)
}

// TestDeactivationOffersToAssignKeys checks what the dialog offers to someone else and to the member.
func TestDeactivationOffersToAssignKeys(t *testing.T) {
	s := handlerstest.New(t)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	admin := memberOf(t, s, handlerstest.AdminEmail)
	key := keyOf(t, s, &admin.Member, "Admin's key")
	if _, err := s.AssignAPIKeys(t.Context(), s.Workspace.ID, []string{key.ID}, mel.ID); err != nil {
		t.Fatal(err)
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	path := membersPath + "/" + mel.ID + "/deactivate"
	page := document(t, b.Get(path))
	modelstest.Contains(t, "offer", page.Find(`label[for="field-new_owner_id"]`).Text(), "1 key")
	modelstest.Equal(t, "selected owner", page.Find("#field-new_owner_id option[selected]").AttrOr("value", ""), admin.ID)
	modelstest.Equal(t, "link to the keys", page.Find(`#panel a[href$="?owner=`+mel.ID+`"]`).Text(), "Review 1 key")
	modelstest.Equal(t, "offers to pause a key that they didn't create", page.Find(`input[name="pause_keys"]`).Length(), 0)

	b.Post(path, url.Values{"new_owner_id": {mel.ID}}).Want(t, http.StatusUnprocessableEntity, "New owner must be an active member of this workspace.")
	if memberOf(t, s, "mel@acme.test").DeactivatedAt != nil {
		t.Fatal("the member is deactivated although the new owner was rejected")
	}
	b.Post(path, url.Values{"new_owner_id": {admin.ID}}).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "owner", ownerOf(t, s, key), admin.ID)
	list := document(t, b.Get(membersPath))
	modelstest.Contains(t, "notice", list.Text(), "and assigned 1 key to")
	modelstest.Equal(t, "undo", list.Find(`form[action*="/reactivate"]`).Length(), 0)

	own := document(t, b.Get(membersPath+"/"+admin.ID+"/deactivate"))
	modelstest.Equal(t, "selected owner of one's own keys", own.Find("#field-new_owner_id option[selected]").Text(), "Keep the current owner")
}

// addPeople adds more members to the workspace than a list can have.
func addPeople(t *testing.T, s *handlerstest.Server) {
	t.Helper()
	s.Exec(t, `INSERT INTO users (id, email, name, password_hash, created_at, updated_at)
		WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100)
		SELECT 'usr_' || n, 'person' || n || '@acme.test', 'Person ' || n, 'none', created_at, created_at FROM numbers, workspaces WHERE workspaces.id = $1`, s.Workspace.ID)
	s.Exec(t, `INSERT INTO members (id, workspace_id, user_id, role, created_at, updated_at)
		SELECT 'mem_' || users.id, workspaces.id, users.id, 'member', users.created_at, users.created_at FROM users, workspaces WHERE password_hash = 'none' AND workspaces.id = $1`, s.Workspace.ID)
}

// TestOwnersOfALargeWorkspace checks that an owner is entered by name or email if there are too many to choose from.
func TestOwnersOfALargeWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	zoe := s.AddMember(t, s.Workspace, "zoe@acme.test")
	addPeople(t, s)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	form := document(t, b.Get(listPath+"/new"))
	modelstest.Equal(t, "owner of a new key", form.Find("input#field-owner_id").AttrOr("value", ""), handlerstest.AdminEmail)

	create := func(owner string) handlerstest.Response {
		return b.Post(listPath, url.Values{"name": {"CI"}, "owner_id": {owner}, "form_id": {"ci"}, "expiry": {"never"}})
	}
	create("Person 9").Want(t, http.StatusCreated) // not Person 99
	rejected := create("Person")
	rejected.Want(t, http.StatusUnprocessableEntity, "Owner matches several members; enter an email, such as person")
	modelstest.Equal(t, "what was entered", document(t, rejected).Find("#field-owner_id").AttrOr("value", ""), "Person")
	create("Nina").Want(t, http.StatusUnprocessableEntity, "Owner must be an active member of this workspace.")

	key := newestKey(t, s)
	path := listPath + "/" + key.ID
	modelstest.Equal(t, "owner of the key", document(t, b.Get(path)).Find("#field-owner_id").AttrOr("value", ""), "person9@acme.test")
	duplicate := func() string {
		return document(t, b.Get(listPath+"/new?from="+key.ID)).Find("#field-owner_id").AttrOr("value", "")
	}
	modelstest.Equal(t, "owner of a duplicate", duplicate(), "person9@acme.test")
	b.Post(path, url.Values{"name": {"CI"}, "owner_id": {"zoe@acme.test"}}).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "owner after a change", ownerOf(t, s, key), zoe.ID)
	b.Post(path, url.Values{"name": {"Nightly"}, "owner_before": {zoe.ID}, "owner_id": {" "}}).Want(t, http.StatusUnprocessableEntity, "Enter the owner’s name or email.")
	modelstest.Equal(t, "name after an attempt without an owner", document(t, b.Get(path)).Find("h1").Text(), "CI")
	b.Post(listPath+"/owner", url.Values{"key": {key.ID}, "owner_id": {"person 12"}}).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "owner after an assignment", ownerOf(t, s, key), "mem_usr_12")

	page := document(t, b.Get(membersPath+"/mem_usr_12/deactivate"))
	modelstest.Equal(t, "new owner", page.Find("#field-new_owner_id").AttrOr("value", ""), handlerstest.AdminEmail)
	b.Post(membersPath+"/mem_usr_12/deactivate", url.Values{"new_owner_id": {""}}).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "owner of keys that were left as they are", ownerOf(t, s, key), "mem_usr_12")
	modelstest.Equal(t, "owner who has left", document(t, b.Get(path)).Find("#field-owner_id").AttrOr("value", ""), "person12@acme.test")
	modelstest.Equal(t, "owner of a duplicate of their key", duplicate(), handlerstest.AdminEmail)
	b.Post(path, url.Values{"name": {"Nightly"}, "owner_id": {"person12@acme.test"}}).Want(t, http.StatusSeeOther)
}
