package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// idClaims are the claims of an ID token (OpenID Connect Core §2).
type idClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"`
	AuthorizedParty string   `json:"azp"` // the same client: some libraries require it
	IssuedAt        int64    `json:"iat"`
	Expires         int64    `json:"exp"`
	AuthTime        int64    `json:"auth_time"`
	Methods         []string `json:"amr"`
	Class           string   `json:"acr,omitempty"`
	Session         string   `json:"sid"`
	AccessTokenHash string   `json:"at_hash"`
	Nonce           string   `json:"nonce,omitempty"`
	IsNewUser       bool     `json:"is_new_user,omitempty"`
	Profile
}

// idSubject is the user of an ID token, with the access token that is issued together with it.
type idSubject struct {
	client      identity.Client
	session     identity.Session
	user        identity.User
	scope       string
	accessToken string
	nonce       string    // of the authorization request
	isNew       bool      // reports whether this is the user's first sign-in
	now         time.Time // as in the access token
}

// idToken signs an ID token.
func (i *Issuer) idToken(ctx context.Context, of idSubject) (string, error) {
	profile, err := ReadProfile(ctx, i.config.Profiles, ProfileRequest{of.client, of.user, of.scope,
		of.session.Claims.IDToken})
	if err != nil {
		return "", err
	}
	return i.sign(typeIDToken, idClaims{
		Issuer:          i.config.Issuer,
		Subject:         of.session.UserID,
		Audience:        of.client.ID,
		AuthorizedParty: of.client.ID,
		IssuedAt:        of.now.Unix(),
		Expires:         of.now.Add(i.accessTTL(of.client)).Unix(),
		AuthTime:        of.session.AuthTime.Unix(),
		Methods:         []string{of.session.Method},
		Class:           i.config.ContextClasses[of.session.Method],
		Session:         of.session.ID,
		AccessTokenHash: halfHash(of.accessToken),
		Nonce:           of.nonce,
		IsNewUser:       of.isNew,
		Profile:         profile,
	})
}

// halfHash returns the at_hash of an access token for RS256 (OpenID Connect Core §3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// IDTokenHint is what an ID token says about its user, when a client sends it back.
type IDTokenHint struct {
	Subject  string `json:"sub"`
	Audience string `json:"aud"` // the client
	Session  string `json:"sid"`
	Issuer   string `json:"iss"`
}

// ReadIDTokenHint verifies an ID token that is used as a hint, for which it may have expired (OpenID Connect Core
// §3.1.2.1), as long as its key is known. It returns ErrBadToken if this issuer has not issued it.
func (i *Issuer) ReadIDTokenHint(token string) (IDTokenHint, error) {
	payload, err := i.config.Keys.Current().Verify([]byte(token), typeIDToken)
	var hint IDTokenHint
	if err != nil || json.Unmarshal(payload, &hint) != nil || hint.Issuer != i.config.Issuer || hint.Subject == "" {
		return IDTokenHint{}, ErrBadToken
	}
	return hint, nil
}
