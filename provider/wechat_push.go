package provider

import (
	"errors"
	"net/http"

	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/pushes"
)

// WechatPushPath is the path below the issuer to which WeChat pushes messages about an app, whose AppID follows.
const WechatPushPath = "/wechat/push/"

// pushEndpoint receives the messages that WeChat pushes:
//
//	POST /wechat/push/wx0123456789abcdef?timestamp=…&nonce=…&encrypt_type=aes&msg_signature=…
type pushEndpoint struct {
	pushes *pushes.Service
	errs   errorWriter
}

// routes returns the routes of both methods.
func (e pushEndpoint) routes(path string) []route {
	at := path + WechatPushPath + "{appid}"
	return []route{
		{"wechat_push", []string{http.MethodGet}, at, corsNone, slotPush, 0, e.endpoint(e.verify)},
		{"wechat_push", postMethod, at, corsNone, slotPush, dataBody, e.endpoint(e.receive)},
	}
}

// endpoint returns a handler that answers with the text that serve returns. Refusals are not logged here, since anyone
// can cause them.
func (e pushEndpoint) endpoint(serve func(r *http.Request, query pushes.Query) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = noStore
		values := r.URL.Query()
		text, err := serve(r, pushes.Query{Signature: values.Get("signature"),
			MsgSignature: values.Get("msg_signature"), Timestamp: values.Get("timestamp"), Nonce: values.Get("nonce"),
			Echo: values.Get("echostr")})
		switch {
		case errors.Is(err, pushes.ErrRefused):
			e.errs.write(w, r, pushes.ErrRefused)
		case err != nil:
			e.errs.writeError(w, r, err)
		default:
			w.Header()["Content-Type"] = textType
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write([]byte(text)) // an error means that the caller is gone, and repeats it
		}
	})
}

func (e pushEndpoint) verify(r *http.Request, query pushes.Query) (string, error) {
	return e.pushes.Verify(r.Context(), r.PathValue("appid"), query)
}

func (e pushEndpoint) receive(r *http.Request, query pushes.Query) (string, error) {
	return "success", e.pushes.Receive(r.Context(), r.PathValue("appid"), query, bounds.TakeBody(r))
}
