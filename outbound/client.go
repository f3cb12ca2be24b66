package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
)

const (
	timeout   = 5 * time.Second // limits a request, from the search for its address to the end of the answer
	maxHeader = 64 << 10        // bytes of an answer; the default is 10 MiB, and there may be many answers at a time
)

// notPublic are networks with global unicast addresses that are not on the Internet, or lead elsewhere (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

var internet6 = netip.MustParsePrefix("2000::/3") // all global unicast addresses that are assigned

// public reports whether an address is on the Internet.
func public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.Is6() && !internet6.Contains(address) {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(network netip.Prefix) bool { return network.Contains(address) })
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	toPublic *http.Client
	local    *http.Client // nil unless the issuer is on loopback
}

// New returns a client for an issuer. If the issuer is on loopback, the client may also be, as during development.
func New(issuer string) *Client {
	c := &Client{toPublic: newClient(public)}
	if onLoopback(issuer) {
		c.local = newClient(netip.Addr.IsLoopback)
	}
	return c
}

// Do sends a request. Its errors can be logged: they do not contain the URL, whose query may hold a secret of the
// client, and are short and printable, since the client's server chooses a part of them, such as the names in its
// certificate.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	via := c.toPublic
	if c.local != nil && onLoopback(request.URL.String()) {
		via = c.local
	}
	request.Header.Set("User-Agent", "lingpai")
	response, err := via.Do(request)
	if err != nil {
		return nil, describe(err)
	}
	return response, nil
}

func describe(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, err.Error())
	return fmt.Errorf("%.200s", printable)
}

// newClient returns a client that connects to allowed addresses only, whatever a name resolves to: a client's URI must
// not reach the operator's network (SSRF). It follows no redirects, and uses no proxy, which would connect anywhere.
func newClient(allowed func(netip.Addr) bool) *http.Client {
	dialer := net.Dialer{Timeout: timeout, Control: func(_, at string, _ syscall.RawConn) error {
		address, err := netip.ParseAddrPort(at)
		if err != nil || !allowed(address.Addr()) {
			return fmt.Errorf("the address %s is not public", at)
		}
		return nil
	}}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true,
			MaxResponseHeaderBytes: maxHeader},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// onLoopback reports whether a URL names a loopback address.
func onLoopback(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}
