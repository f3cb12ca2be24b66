package wechat

import (
	"context"
	"errors"
)

// withAppToken makes a call that needs the app's token. If WeChat does not
// accept the token, as when somebody had it replaced, it gets the new one and
// calls once more. It never calls with a token that was refused, and never a
// third time. All of it takes no longer than two calls may.
func withAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*a.client.timeout, errTimeout)
	defer cancel()
	answer, refused, err := tryAppToken(ctx, a, api, credentials, do)
	if refused {
		answer, _, err = tryAppToken(ctx, a, api, credentials, do)
	}
	return answer, err
}

// tryAppToken calls once. refused says that WeChat did not accept the token.
func tryAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (answer T, refused bool, err error) {
	token, err := a.find(ctx, credentials, maxAppTokenLife)
	if err != nil {
		return answer, false, err
	}
	answer, err = call(ctx, a.client, api, credentials.AppID, func(ctx context.Context) (T,
		error) {
		return do(ctx, token.Text)
	})
	if refused = isTokenRefusal(err); refused {
		a.refuse(credentials.AppID, token)
		a.shelf.drop(context.WithoutCancel(ctx), credentials.AppID, token)
	}
	return answer, refused, err
}

// isTokenRefusal recognises an app token that is invalid, replaced or expired.
func isTokenRefusal(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.Errcode == 40001 || failed.Errcode == 40014 || failed.Errcode == 42001)
}
