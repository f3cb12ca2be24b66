package browser

import (
	"errors"
	"net/http"
	"time"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/signin"
)

// SignIn is the page that asks for name and password.
func (h *Handler) SignIn(w http.ResponseWriter, r *http.Request) {
	v, ok := h.visit(w, r)
	if !ok {
		return
	}
	if v.form != nil {
		h.signIn(v)
		return
	}
	var user identity.SignedIn
	if !v.another {
		next, ok := h.next(v, authorize.StepSignIn)
		if !ok {
			return
		}
		user = next.User
	}
	if !(Wechat{h}.outcome(v)) {
		h.show(v, http.StatusOK, h.signInPage(v, user))
	}
}

// signInPage returns the page for a user who must sign in again, or for anybody.
func (h *Handler) signInPage(v visit, user identity.SignedIn) pages.SignIn {
	page := pages.SignIn{Form: h.form(v, SignInPath), Client: v.request.Client.Title(), Username: v.request.LoginHint}
	Wechat{h}.ways(v, &page)
	if v.another {
		page.Form.Action = h.signInURL(v, v.seen)
	} else if name := user.User.Username; name != "" {
		page.Username, page.Fixed, page.OtherAccount = name, true, h.url(v, SignInPath, v.seen)+asAnother
	}
	return page
}

// signInURL returns the URL of the page, for somebody else than who is signed in if that is what the visit is for.
func (h *Handler) signInURL(v visit, seen string) string {
	to := h.url(v, SignInPath, seen)
	if v.another {
		to += asAnother
	}
	return to
}

// signIn signs a user in with what the page has posted.
func (h *Handler) signIn(v visit) {
	username, password := v.form.Get("username"), v.form.Get("password")
	if username == "" || password == "" {
		problem := pages.PasswordMissing
		if username == "" {
			problem = pages.UsernameMissing
		}
		h.again(v, http.StatusBadRequest, problem, 0)
		return
	}
	browser, seen, err := h.authorize.SignIn(v.r.Context(), v.request, v.browser, v.seen, authorize.Credentials{
		Username: username, Password: password, Address: v.r.RemoteAddr, Device: signin.DeviceLabel(v.r.UserAgent())})
	if err != nil {
		h.signInFailed(v, err)
		return
	}
	h.cookie.write(v.w, browser)
	h.sendOn(v, seen)
}

// again shows the page again, with what is wrong and what was filled in.
func (h *Handler) again(v visit, status int, problem pages.Problem, wait time.Duration) {
	next, err := h.authorize.Judge(v.r.Context(), v.request, v.browser, v.seen)
	if err != nil {
		h.refuse(v, err)
		return
	}
	page := h.signInPage(v, next.User)
	page.Problem, page.Wait = problem, wait
	if !page.Fixed {
		page.Username = v.form.Get("username")
	}
	h.show(v, status, page)
}

// signInFailed shows the page again, or an error that is not the user's.
func (h *Handler) signInFailed(v visit, err error) {
	failure, ok := errors.AsType[*oauth.Error](err)
	if !ok || failure.Code == oauth.ServerError {
		h.refuse(v, err)
		return
	}
	problem := pages.SignInUnavailable
	switch failure.Code {
	case oauth.InvalidGrant:
		problem = pages.WrongCredentials
	case oauth.TooManyRequests:
		problem = pages.TooManyAttempts
	}
	h.logger.InfoContext(v.r.Context(), "sign-in refused", "error", failure.Code.Error(), "cause", failure.Cause,
		"client", v.request.Client.ID)
	h.again(v, failure.Code.Status(), problem, failure.RetryAfter)
}
