package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

// upstream is what is known about WeChat.
type upstream struct {
	answers bool
	ahead   *time.Duration // how far this machine's clock is ahead of WeChat's; nil: unknown
}

func (d *doctor) checkWechat(ctx context.Context) {
	base := d.settings.WechatBaseURL
	u, err := within(ctx, func(ctx context.Context) (upstream, error) { return callUpstream(ctx, base) })
	if err != nil {
		d.unreachable(ctx, base+" cannot be reached: "+upstreamFault(err))
		return
	}
	d.wechat = u
	issuer, _ := url.Parse(d.settings.Issuer)
	switch {
	case !d.settings.IsSimulated(identity.PlatformWechat):
		d.report.ok(base + " answers")
	case d.faulty("server.issuer") || settings.IsLoopback(issuer.Hostname()):
		d.report.ok(base + " answers; it is a simulator, not WeChat: only simulated apps can sign in")
	default:
		d.report.warning(base+" answers; it is a simulator, not WeChat: only simulated apps can sign in",
			"for real users, unset wechat.base_url (LINGPAI_WECHAT_BASE_URL)")
	}
}

// unreachable reports that WeChat cannot be reached: a fault, or a warning if no app needs it.
func (d *doctor) unreachable(ctx context.Context, found string) {
	advice := "allow this machine to connect to it: check DNS, the firewall and HTTPS_PROXY; " +
		"to test the connection: curl -I " + d.settings.WechatBaseURL
	if d.settings.IsSimulated(identity.PlatformWechat) {
		advice = "start the simulator with: lingpai wechat-simulator, or for real users, unset " +
			"wechat.base_url (LINGPAI_WECHAT_BASE_URL)"
	}
	if d.migrated {
		if apps, err := within(ctx, d.database.Apps().List); err == nil && len(apps) == 0 {
			d.report.warning(found+" (there is no app that needs it)", advice)
			return
		}
	}
	d.report.fault(found, advice)
}

// callUpstream sends a request to which any answer will do: it shows that WeChat can be reached, and contains the
// time.
func callUpstream(ctx context.Context, base string) (upstream, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, base, http.NoBody)
	if err != nil {
		return upstream{}, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	began := time.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return upstream{}, err
	}
	defer response.Body.Close()
	u := upstream{answers: true}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		ahead := server.ClockAhead(began, time.Now(), date.Add(time.Second/2)) // a Date header has whole seconds
		u.ahead = &ahead
	}
	return u, nil
}

// upstreamFault returns why a call failed, in a text that cannot quote a proxy's password.
func upstreamFault(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Error()
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate.Error()
	}
	if errors.Is(err, errNoAnswer) || errors.Is(err, context.DeadlineExceeded) {
		return errNoAnswer.Error()
	}
	return "the connection failed"
}

// describePlatform names WeChat, or the simulator that is used instead.
func (d *doctor) describePlatform() string {
	return d.settings.DescribePlatform(identity.PlatformWechat)
}
