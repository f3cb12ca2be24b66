package browser

import (
	"errors"
	"net/http"

	"github.com/lingpai/lingpai/authorize"
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
	page := h.signInPage(v)
	if !r.URL.Query().Has(anotherParameter) {
		next, ok := h.next(v, authorize.StepSignIn)
		if !ok {
			return
		}
		if name := next.User.User.Username; name != "" {
			page.Username, page.Fixed, page.OtherAccount = name, true, h.other(v)
		}
	}
	h.show(v, http.StatusOK, page)
}

func (h *Handler) signInPage(v visit) pages.SignIn {
	return pages.SignIn{Form: h.form(v, SignInPath), Client: v.request.Client.Name, Username: v.request.LoginHint}
}

// other returns the URL of the page to sign in as somebody else.
func (h *Handler) other(v visit) string {
	return h.url(v, SignInPath, v.seen) + "&" + anotherParameter + "=1"
}

// signIn signs a user in with what the page has posted.
func (h *Handler) signIn(v visit) {
	page := h.signInPage(v)
	page.Username = v.form.Get("username")
	password := v.form.Get("password")
	if page.Username == "" || password == "" {
		page.Problem = pages.UsernameMissing
		if page.Username != "" {
			page.Problem = pages.PasswordMissing
		}
		h.show(v, http.StatusBadRequest, page)
		return
	}
	browser, seen, err := h.authorize.SignIn(v.r.Context(), v.request, v.browser, v.seen, authorize.Credentials{
		Username: page.Username, Password: password, Address: v.r.RemoteAddr,
		Device: signin.DeviceLabel(v.r.UserAgent())})
	if err != nil {
		h.signInFailed(v, page, err)
		return
	}
	h.cookie.write(v.w, browser)
	h.sendOn(v, seen)
}

// signInFailed shows the page again, with what is wrong.
func (h *Handler) signInFailed(v visit, page pages.SignIn, err error) {
	failure, ok := errors.AsType[*oauth.Error](err)
	if !ok || failure.Code == oauth.ServerError {
		h.refuse(v, err)
		return
	}
	switch failure.Code {
	case oauth.InvalidGrant:
		page.Problem = pages.WrongCredentials
	case oauth.TooManyRequests:
		page.Problem, page.Wait = pages.TooManyAttempts, failure.RetryAfter
	default:
		page.Problem = pages.SignInUnavailable
	}
	h.logger.InfoContext(v.r.Context(), "sign-in refused", "error", failure.Code.Error(), "cause", failure.Cause,
		"client", v.request.Client.ID)
	h.show(v, failure.Code.Status(), page)
}
