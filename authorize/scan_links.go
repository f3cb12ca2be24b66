package authorize

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// LinkKind is a kind of link that opens WeChat on the phone whose browser has it.
type LinkKind string

// The kinds of links.
const (
	LinkScheme LinkKind = "scheme" // a URL Scheme, such as weixin://dl/business/?t=…
	LinkPage   LinkKind = "link"   // a URL Link, which is a page of WeChat
)

// OpensWechat reports whether a phone's browser can open WeChat, and a mini-program there, to approve.
func (s *Scans) OpensWechat() bool { return s.config.Enabled && s.config.Links != nil }

// Link returns a link with which a browser opens the mini-program for the code that it shows. WeChat makes few of them
// for an app, so call it only when a user asks for one; that of a code is kept, and returned again. It returns
// ErrNoScan if there are no such links, oauth.TooManyRequests, and the errors of [signin.MiniProgramLinks.Scheme].
func (s *Scans) Link(ctx context.Context, handle string, shown OnScreen, kind LinkKind) (string, error) {
	if !s.OpensWechat() || kind != LinkScheme && kind != LinkPage {
		return "", ErrNoScan
	}
	key := identity.VolatileKey("scan link", handle, string(kind))
	kept, err := s.config.Volatile.Get(ctx, key)
	switch {
	case err == nil:
		return string(kept), nil
	case !errors.Is(err, identity.ErrNotFound):
		return "", oauth.StoreFailed(err)
	}
	limiter, own := s.config.Service.limiter, limits.Of(limits.ScanLinks, handle)
	network := limits.ByAddress(limits.ScanLinksAddress, shown.scan.Address)
	if err := limiter.CountEach(ctx, own, network, limits.Of(limits.AllScanLinks)); err != nil {
		return "", err
	}
	ask := s.config.Links.Scheme
	if kind == LinkPage {
		ask = s.config.Links.Link
	}
	made, err := ask(ctx, "scan="+handle, shown.Expires)
	if err != nil { // which may have used up some of WeChat's quota
		limiter.GiveBack(ctx, own, network)
		return "", err
	}
	life := max(shown.Expires.Sub(s.config.Now()), time.Millisecond)
	if err := s.config.Volatile.Put(ctx, key, []byte(made), life); err != nil { // another one will be made
		s.config.Service.logger.WarnContext(ctx, "a link to a mini-program is not kept", "error", err)
	}
	return made, nil
}
