package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

const shopScopes = `
hide_builtin: true
resources:
  - name: orders
    label: Orders
    scopes:
      - name: orders.read
      - name: orders.refund
        warning: This scope can move money.
      - name: orders.export
`

func TestPagesShowCustomScopes(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	s.ApplyScopesFile(t, shopScopes)
	checked := func(response handlerstest.Response) (names []string) {
		document(t, response).Find(`input[name="scopes"][checked]`).Each(func(_ int, box *goquery.Selection) {
			names = append(names, box.AttrOr("value", ""))
		})
		return names
	}
	form := document(t, b.Get(listPath+"/new"))
	modelstest.Equal(t, "offered scopes", form.Find(`input[name="scopes"]`).Length(), 3)
	modelstest.Equal(t, "filter of a short list", form.Find("#filter-scopes").Length(), 0)
	for preset, want := range map[string][]string{"read_only": {"orders.read"}, "everything": {"orders.read", "orders.refund", "orders.export"}, "none": nil} {
		modelstest.Equal(t, "scopes of the preset "+preset, checked(b.Post(listPath+"/new", url.Values{"preset": {preset}})), want)
	}
	created := b.Post(listPath, url.Values{"name": {"Shop"}, "scopes": {"orders.read", "orders.export"}, "expiry": {"never"}, "form_id": {"one"}})
	created.Want(t, http.StatusCreated)
	orders, _ := s.Scopes().ParseSet([]string{"orders.read", "orders.export"})
	key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Mixed", Scopes: orders.With(scope.Of(scope.SeatsRead))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.RetireScope(t.Context(), "orders.export"); err != nil {
		t.Fatal(err)
	}
	at := listPath + "/" + key.ID
	b.Get(at).Want(t, http.StatusOK, "orders.export", "Retired")
	edit := b.Get(at + "/access")
	modelstest.Equal(t, "checked scopes of a key with hidden and retired ones", checked(edit), []string{"seats.read", "orders.read", "orders.export"})
	modelstest.Equal(t, "scopes offered for it", document(t, edit).Find(`input[name="scopes"]`).Length(), 4)
	edit.Want(t, http.StatusOK, "This scope is retired.")
	rejected := b.Post(listPath, url.Values{"name": {"Late"}, "scopes": {"orders.export"}, "expiry": {"never"}, "form_id": {"two"}})
	rejected.Want(t, http.StatusUnprocessableEntity, "orders.export, which no key can get anymore")
	modelstest.Equal(t, "scopes copied from a key", checked(b.Post(listPath+"/new", url.Values{"copy_from": {key.ID}})), []string{"seats.read", "orders.read"})
	b.Get(listPath+"?scope=orders.export").Want(t, http.StatusOK, "2 keys")
	b.Get(listPath+"?scope=orders.refund").Want(t, http.StatusOK, "No keys match")
	b.Get(listPath+"/review").Want(t, http.StatusOK, "with a retired scope")
	b.Get(listPath+"?review=retired").Want(t, http.StatusOK, "Keys with retired scopes", "is retired", "Mixed", "Shop")
	b.Get(at+"/rotation").Want(t, http.StatusOK, "orders.export")

	var more []string
	for i := range 20 {
		more = append(more, fmt.Sprintf("{name: many.a%d}", i))
	}
	s.ApplyScopesFile(t, strings.Replace(shopScopes, "orders.export", "orders.export\n        retired: true", 1)+"  - {name: many, label: Many, scopes: ["+strings.Join(more, ", ")+"]}")
	modelstest.Equal(t, "filter of a long list", document(t, b.Get(listPath+"/new")).Find("#filter-scopes").Length(), 1)
}
