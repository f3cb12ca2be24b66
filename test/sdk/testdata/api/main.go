// Api is an API whose users' tokens sdk/verify checks. It also plays a dishonest API, which uses the tokens that it
// receives at the issuer. Its arguments are the issuer, its own URL and its audience.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/lingpai/lingpai/sdk/verify"
)

func main() {
	issuer, self, audience := os.Args[1], os.Args[2], os.Args[3]
	var options []verify.Option
	if audience == self {
		options = append(options, verify.WithResource(verify.Resource{Scopes: []string{"api"}}))
	}
	tokens, err := verify.New(context.Background(), issuer, audience, options...)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(tokens.ResourceMetadata())
	mux.Handle("GET /orders", tokens.Middleware(verify.RequireScope("api")(http.HandlerFunc(orders))))
	mux.Handle("GET /abuse", tokens.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, abuse(issuer, r.Header.Get("Authorization")))
	})))
	address, err := url.Parse(self)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(address.Host, mux))
}

func orders(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context())
	answer(w, map[string]string{"orders_of": claims.Subject, "scope": claims.Scope})
}

// abuse sends a user's token to the issuer, and returns the statuses of its answers.
func abuse(issuer, authorization string) map[string]int {
	statuses := map[string]int{}
	for _, call := range []string{"GET /account/v1/profile", "PUT /account/v1/profile", "GET /account/v1/sessions",
		"DELETE /account/v1/sessions", "POST /account/v1/export", "POST /wechat/session_key/check",
		"POST /wechat/session_key/reset", "POST /wechat/phone"} {
		method, path, _ := strings.Cut(call, " ")
		request, err := http.NewRequest(method, issuer+path, nil)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		request.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/wechat/") {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		_ = response.Body.Close()
		statuses[call] = response.StatusCode
	}
	return statuses
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
