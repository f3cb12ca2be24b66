package demo

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

// tokens are the tokens of a user who has signed in.
type tokens struct {
	user                string
	access, id, refresh string
}

// newTokens returns the tokens of an answer whose ID token is valid and has a nonce.
func newTokens(ctx context.Context, issuer *metadata, answer *oauth2.Token, nonce string) (*tokens, error) {
	text, _ := answer.Extra("id_token").(string)
	verified, err := issuer.idTokens.Verify(ctx, text)
	if err != nil {
		return nil, err
	}
	if verified.Nonce != nonce {
		return nil, errors.New("the nonce is that of another sign-in")
	}
	if err := verified.VerifyAccessToken(answer.AccessToken); err != nil {
		return nil, err
	}
	var profile struct {
		Username string `json:"preferred_username"`
	}
	if err := verified.Claims(&profile); err != nil {
		return nil, err
	}
	return &tokens{user: cmp.Or(profile.Username, verified.Subject), access: answer.AccessToken, id: text,
		refresh: answer.RefreshToken}, nil
}

// shownEnd is how many characters of a refresh token are shown.
const shownEnd = 8

// page returns the page with the tokens.
func (t *tokens) page(outcome devpages.Outcome) devpages.Tokens {
	return devpages.Tokens{User: t.user, Outcome: outcome, Access: decoded(devpages.AccessToken, t.access),
		ID: decoded(devpages.IDToken, t.id), Refresh: t.refresh[max(0, len(t.refresh)-shownEnd):]}
}

// decoded returns a token as it is shown.
func decoded(kind devpages.TokenKind, text string) devpages.Token {
	parts := strings.Split(text, ".")
	return devpages.Token{Kind: kind, Text: text, Header: claimsOf(kind, parts[0]), Claims: claimsOf(kind, parts[1])}
}

// order is the order in which claims are shown; those that it does not have follow.
var order = []string{"iss", "sub", "preferred_username", "name", "aud", "client_id", "azp", "scope", "iat", "exp",
	"auth_time", "amr", "acr", "nonce", "sid", "jti"}

// times are the claims that are a time, in seconds since 1970.
var times = []string{"iat", "exp", "auth_time", "updated_at"}

// claimsOf returns the members of a part of a token, which was verified.
func claimsOf(kind devpages.TokenKind, part string) (claims []devpages.Claim) {
	text, _ := base64.RawURLEncoding.DecodeString(part)
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members)
	for name, value := range members {
		claim := devpages.Claim{In: kind, Name: name, Value: string(value)}
		var text string
		if json.Unmarshal(value, &text) == nil {
			claim.Value = text
		}
		var seconds int64
		if slices.Contains(times, name) && json.Unmarshal(value, &seconds) == nil {
			claim.Time = time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
		}
		claims = append(claims, claim)
	}
	slices.SortFunc(claims, func(a, b devpages.Claim) int {
		return cmp.Or(cmp.Compare(place(a.Name), place(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return claims
}

// place returns the place of a claim in order.
func place(name string) int {
	if n := slices.Index(order, name); n >= 0 {
		return n
	}
	return len(order)
}
