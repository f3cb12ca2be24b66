package verify_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/lingpai/lingpai/sdk/verify"
)

func Example() {
	tokens, err := verify.New(context.Background(), "https://login.example.com", "https://api.example.com")
	if err != nil {
		log.Fatal(err)
	}

	listOrders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintln(w, "orders of", claims.Subject)
	})
	closeShop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})

	mux := http.NewServeMux()
	mux.Handle("GET /orders", verify.RequireScope("orders.read")(listOrders))
	mux.Handle("POST /shop/close", verify.RequireRole("owner", "manager")(closeShop))
	log.Fatal(http.ListenAndServe("127.0.0.1:9001", tokens.Middleware(mux)))
}

func ExampleWithResource() {
	tokens, err := verify.New(context.Background(), "https://login.example.com", "https://api.example.com/v1",
		verify.WithResource(verify.Resource{Scopes: []string{"orders.read"}, Name: "Orders"}))
	if err != nil {
		log.Fatal(err)
	}

	api := http.NewServeMux()
	root := http.NewServeMux()
	root.Handle(tokens.ResourceMetadata()) // GET /.well-known/oauth-protected-resource/v1
	root.Handle("/v1/", tokens.Middleware(api))
	log.Fatal(http.ListenAndServe("127.0.0.1:9001", root))
}
