package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/skipup/keys/web/keyauth"
)

// order is an order in the API.
type order struct {
	ID        string `json:"id"`
	Item      string `json:"item"`
	CreatedBy string `json:"created_by"` // ID of the key

	workspace string
}

// orders holds the orders of all workspaces. A key can only see and create those of its own workspace.
type orders struct {
	mu  sync.Mutex
	all []order
}

// maxBody limits the size of a request's body, in bytes.
const maxBody = 4 << 10

func (o *orders) create(w http.ResponseWriter, r *http.Request) {
	var added order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&added); err != nil || added.Item == "" {
		respond(w, http.StatusUnprocessableEntity, map[string]string{"error": `Send an object such as {"item": "Tea"}.`})
		return
	}
	caller, _ := keyauth.CallerFrom(r.Context())
	added.CreatedBy, added.workspace = caller.KeyID(), caller.WorkspaceID()
	o.mu.Lock()
	added.ID = fmt.Sprint(len(o.all) + 1)
	o.all = append(o.all, added)
	o.mu.Unlock()
	respond(w, http.StatusCreated, added)
}

func (o *orders) list(w http.ResponseWriter, r *http.Request) {
	respond(w, http.StatusOK, o.visible(r, ""))
}

func (o *orders) show(w http.ResponseWriter, r *http.Request) {
	found := o.visible(r, r.PathValue("id"))
	if len(found) == 0 {
		respond(w, http.StatusNotFound, map[string]string{"error": "Order not found."})
		return
	}
	respond(w, http.StatusOK, found[0])
}

// visible returns the orders of the caller's workspace, or only the one with an ID if it isn't empty.
func (o *orders) visible(r *http.Request, id string) []order {
	caller, _ := keyauth.CallerFrom(r.Context())
	workspace := caller.WorkspaceID()
	o.mu.Lock()
	defer o.mu.Unlock()
	visible := []order{}
	for _, order := range o.all {
		if order.workspace == workspace && (id == "" || id == order.ID) {
			visible = append(visible, order)
		}
	}
	return visible
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
