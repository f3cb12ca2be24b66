package migrate_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// byPassword signs in a user with the password of the old program.
func (s *server) byPassword(t *testing.T, username, password string) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}, "scope": {"api"}}
	return s.tokens(t, form, s.Confidential.ClientID, s.Confidential.ClientSecret).AccessToken
}

// byWechat signs in a user with a WeChat code, at the app whose openids were imported.
func (s *server) byWechat(t *testing.T, user, client string) string {
	t.Helper()
	return s.tokens(t, url.Values{"grant_type": {"wechat_code"}, "client_id": {client}, "code": {s.code(t, user)}},
		"", "").AccessToken
}

// code returns a code as wx.login would.
func (s *server) code(t *testing.T, user string) string {
	t.Helper()
	var minted struct{ Code string }
	body, _ := json.Marshal(map[string]string{"appid": s.MiniProgram.AppID, "user": user})
	require.Equal(t, http.StatusOK, sendJSON(t, http.MethodPost, s.Simulator.URL+"/_sim/codes",
		"application/json", string(body), &minted))
	return minted.Code
}

// idToken signs in a user at the mini-program, and returns the ID token.
func (s *server) idToken(t *testing.T, user string) string {
	t.Helper()
	form := url.Values{"grant_type": {"wechat_code"}, "client_id": {s.MiniProgram.ClientID},
		"code": {s.code(t, user)}, "scope": {"openid"}}
	token := s.tokens(t, form, "", "").IDToken
	require.NotEmpty(t, token)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.Equal(t, s.Issuer, claims["iss"])
	require.Equal(t, s.MiniProgram.ClientID, claims["aud"])
	for _, name := range []string{"exp", "sub", "sid"} {
		require.Contains(t, claims, name)
	}
	return token
}

// byItself returns a token of a client that acts for itself.
func (s *server) byItself(t *testing.T) string {
	t.Helper()
	return s.tokens(t, url.Values{"grant_type": {"client_credentials"}}, s.Confidential.ClientID,
		s.Confidential.ClientSecret).AccessToken
}

// tokenAnswer is the answer of /token.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
	Description string `json:"error_description"`
}

func (s *server) tokens(t *testing.T, form url.Values, client, secret string) tokenAnswer {
	t.Helper()
	target := s.Issuer + "/token"
	if secret != "" {
		target = strings.Replace(target, "://", "://"+url.UserPassword(client, secret).String()+"@", 1)
	}
	var answer tokenAnswer
	require.Equal(t, http.StatusOK, sendJSON(t, http.MethodPost, target, "application/x-www-form-urlencoded",
		form.Encode(), &answer), answer.Description)
	return answer
}

// subjectOf returns the "sub" of a token.
func subjectOf(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		Subject string `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims.Subject
}

// sendJSON sends a request, reads the answer into a value, and returns its status.
func sendJSON(t *testing.T, method, target, contentType, body string, answer any) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
	return response.StatusCode
}

// refused requires that a sign-in by password is rejected.
func (s *server) refused(t *testing.T, username, password, why string) {
	t.Helper()
	target := strings.Replace(s.Issuer, "://", "://"+url.UserPassword(s.Confidential.ClientID,
		s.Confidential.ClientSecret).String()+"@", 1) + "/token"
	var answer struct{ Error string }
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}}
	require.Equal(t, http.StatusBadRequest, sendJSON(t, http.MethodPost, target,
		"application/x-www-form-urlencoded", form.Encode(), &answer), why)
	require.Equal(t, "invalid_grant", answer.Error, why)
}
