package dev

import (
	"context"
	"net/http"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/storage/sql"
)

// maxUsers is how many users the front page shows.
const maxUsers = 20

// front serves the front page.
type front struct {
	database *sql.DB
	requests *requestLog
	codes    *shownCodes
	pages    *pages.Pages
	page     devpages.Front // without what changes
	password string         // of the sample user
}

// ServeHTTP implements http.Handler.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, err := f.now(r.Context())
	page.Locales = devpages.LocalesOf(r)
	if err != nil {
		http.Error(w, "the database cannot be read: "+err.Error(), http.StatusInternalServerError)
		return
	}
	f.pages.Render(w, r, http.StatusOK, page)
}

// now returns the page as it is now.
func (f front) now(ctx context.Context) (devpages.Front, error) {
	page := f.page
	clients, err := f.database.Clients().List(ctx)
	if err != nil {
		return page, err
	}
	known := map[string]bool{"": true}
	for _, client := range clients {
		known[client.ID] = true
		page.Clients = append(page.Clients, devpages.Client{ID: client.ID, Name: client.Name,
			Confidential: client.Confidential, Disabled: client.Disabled(), Grants: client.Grants})
	}
	users, err := f.database.Users().List(ctx, "", maxUsers)
	if err != nil {
		return page, err
	}
	page.Users, page.Codes = f.named(users), f.codes.newest()
	for _, request := range f.requests.newest() {
		if !known[request.Client] { // a caller may have put a secret into the wrong field
			request.Client = "(unknown client)"
		}
		page.Requests = append(page.Requests, request)
	}
	return page, nil
}

// named returns the users who can sign in, with those first who have a name.
func (f front) named(users []identity.User) []devpages.User {
	var named, others []devpages.User
	for _, user := range users {
		shown := devpages.User{ID: user.ID, Username: user.Username}
		if user.Username == username {
			shown.Password = f.password
		}
		switch {
		case user.Disabled():
		case user.Username == "":
			others = append(others, shown)
		default:
			named = append(named, shown)
		}
	}
	return append(named, others...)
}
