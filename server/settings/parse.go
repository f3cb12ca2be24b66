package settings

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/storage/redis"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
)

// entries returns the entries of a list, which are separated by commas and may be surrounded by spaces.
func entries(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text := range strings.SplitSeq(value, ",") {
			if text = strings.TrimSpace(text); text != "" && !yield(text) {
				return
			}
		}
	}
}

func parseAddr(c *Settings, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return errors.New("not host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("not a port")
	}
	c.Addr = value
	return nil
}

// parseIssuer checks only the form; CheckIssuer, which knows the other keys, decides whether http is allowed.
func parseIssuer(c *Settings, value string) error {
	if value == "" {
		return nil // only serve needs one
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("not an http or https URL")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(value, "#") || strings.HasSuffix(value, "/") ||
		u.User != nil:
		return errors.New("has a trailing slash, query, fragment or user")
	case !plainPath(u):
		return errors.New("has a path with characters other than letters, digits, '.', '_', '~' and '-'")
	}
	c.Issuer = value
	return nil
}

// plainPath reports whether every server reads a path the same way: no escapes, no empty or dotted segments.
func plainPath(u *url.URL) bool {
	return u.RawPath == "" && !strings.ContainsFunc(u.Path, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-/", r)
	}) && (u.Path == "" || path.Clean(u.Path) == u.Path)
}

// CheckIssuer returns an error if tokens would be sent over an open network without TLS (RFC 6749 §1.6).
func CheckIssuer(s Settings) error {
	switch u, err := url.Parse(s.Issuer); {
	case s.Issuer == "":
		return errors.New("it is required, since every token contains it")
	case err != nil:
		return err
	case u.Scheme == "https", IsLoopback(u.Hostname()), s.Insecure() && s.AllowInsecureHTTP:
		return nil
	}
	return fmt.Errorf("%q must be https; http is for loopback, or for a private address with "+
		"server.allow_insecure_http during development", s.Issuer)
}

// RequireMasterKey is a check for commands that open or seal keys.
func RequireMasterKey(s Settings) error {
	if s.MasterKey == "" {
		return errors.New("it is required, since it seals the signing key; an existing installation " +
			"needs the key that it was created with, usually as LINGPAI_MASTER_KEY_FILE")
	}
	return nil
}

// NoProxyTrusted describes the problem that [Settings.TrustsNoProxy] reports.
const NoProxyTrusted = "server.trusted_proxies is empty: all callers behind the proxy that terminates TLS count as " +
	"one address, and share one limit on passwords"

// TrustsNoProxy reports whether the issuer is https, which needs a proxy, and no proxy is trusted.
func (s Settings) TrustsNoProxy() bool {
	return strings.HasPrefix(s.Issuer, "https:") && len(s.TrustedProxies) == 0
}

// Insecure reports whether the issuer is http on a private address, where others can listen.
func (s Settings) Insecure() bool {
	u, err := url.Parse(s.Issuer)
	if err != nil || u.Scheme != "http" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err == nil && address.IsPrivate()
}

func parseProxies(c *Settings, value string) error {
	for text := range entries(value) {
		prefix, err := netip.ParsePrefix(text)
		if address, err2 := netip.ParseAddr(text); err2 == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil && strings.Contains(value, "@") { // see setting.read
			return errors.New("one of them is not an address or range")
		}
		if err != nil {
			return fmt.Errorf("%q is not an address or range", text)
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	return nil
}

func parseDatabaseURL(c *Settings, value string) error {
	c.DatabaseURL = identity.Secret(value)
	return sql.CheckURL(value)
}

func parseRedisURL(c *Settings, value string) error {
	c.RedisURL = identity.Secret(value)
	if value == "" {
		return nil
	}
	return redis.CheckURL(value)
}

func parseKeyPrefix(c *Settings, value string) error {
	c.RedisKeyPrefix = value
	if len(value) > 64 || !consistsOf(value, ".:_-") {
		return errors.New("not a prefix")
	}
	return nil
}

// consistsOf reports whether a text has at least one character, and only ASCII letters, digits and others.
func consistsOf(text, others string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(others, r)
	})
}

func parseMasterKey(c *Settings, value string) error {
	c.MasterKey = identity.Secret(value)
	if value == "" {
		return nil // only commands that open sealed values need one
	}
	_, err := keys.ParseRing(value)
	return err
}

func parseMetricsAddr(c *Settings, value string) error {
	if value == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(value)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" {
		return errors.New("not host:port")
	}
	c.MetricsAddr = value
	return nil
}

func parseAhead(c *Settings, value string) error {
	if value != "accept" && value != "refuse" {
		return errors.New("neither accept nor refuse")
	}
	c.RefuseAhead = value == "refuse"
	return nil
}

func parseRetention(c *Settings, value string) error {
	err := duration(func(c *Settings) *time.Duration { return &c.AuditRetention }, 0, 87600*time.Hour)(c, value)
	if err == nil && c.AuditRetention > 0 && c.AuditRetention < time.Hour {
		return errors.New("out of range")
	}
	return err
}

func parseLogLevel(c *Settings, value string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, value) {
		return errors.New("not a level") // slog would take INFO+2 as well
	}
	return c.LogLevel.UnmarshalText([]byte(value))
}

func parseLimits(c *Settings, value string) error {
	for text := range entries(value) {
		name, written, _ := strings.Cut(text, "=")
		own := map[limits.Name]string{limits.PasswordAddress: "password.address_attempts",
			limits.AddressRegistrations: "account.address_registrations", limits.Registrations: "account.registrations"}
		if key, has := own[limits.Name(name)]; has {
			return fmt.Errorf("%s has a setting of its own, %s", name, key)
		}
		rate, err := limits.ParseRate(written)
		if err != nil || !limits.Known(limits.Name(name)) {
			return errors.New("an entry is not the name of a limit and its rate")
		}
		if _, twice := c.LimitOverrides[limits.Name(name)]; twice {
			return fmt.Errorf("%s has two rates", name)
		}
		if c.LimitOverrides == nil {
			c.LimitOverrides = map[limits.Name]limits.Rate{}
		}
		c.LimitOverrides[limits.Name(name)] = rate
	}
	return nil
}

func parseWechatApps(c *Settings, value string) error {
	for id := range entries(value) {
		switch {
		case !wechat.ValidAppID(id):
			return errors.New("an entry is not an AppID of WeChat")
		case slices.Contains(c.WechatApps, id):
			return errors.New("an AppID is there twice")
		default:
			c.WechatApps = append(c.WechatApps, id)
		}
	}
	return nil
}

// parseAppID reads an AppID that may be empty.
func parseAppID(into *string, value string) error {
	if value != "" && !wechat.ValidAppID(value) {
		return errors.New("not an AppID of WeChat")
	}
	*into = value
	return nil
}

func parseScanPage(c *Settings, value string) error {
	if value != "" && !pagePath().MatchString(value) {
		return errors.New("not a page as in app.json, without a slash before it and without a query")
	}
	c.ScanPage = value
	return nil
}

// parseScanPlaces looks only whether there is a file. The server reads it, and other commands have no use for it.
func parseScanPlaces(c *Settings, path string) error {
	c.ScanPlaces = path
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return errors.Unwrap(err) // without the path, see setting.read
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	}
	return nil
}

// pagePath matches the path of a page in a mini-program.
var pagePath = pattern.Lazy(`^[0-9A-Za-z_-]+(/[0-9A-Za-z_-]+)*$`)

// maxContextClass is the maximum length of an acr.
const maxContextClass = 255

// parseContextClasses accepts no spaces in values, since acr_values separates them by spaces.
func parseContextClasses(c *Settings, value string) error {
	for text := range entries(value) {
		method, class, _ := strings.Cut(text, "=")
		odd := func(r rune) bool { return r <= ' ' || r > '~' }
		if !slices.Contains(identity.Methods(), method) {
			return errors.New("an entry does not begin with a method and =")
		}
		if class == "" || len(class) > maxContextClass || strings.ContainsFunc(class, odd) {
			return fmt.Errorf("%s has a value that is empty, too long, or has other characters", method)
		}
		if _, twice := c.ContextClasses[method]; twice {
			return fmt.Errorf("%s has two values", method)
		}
		if c.ContextClasses == nil {
			c.ContextClasses = identity.ContextClasses{}
		}
		c.ContextClasses[method] = class
	}
	return nil
}

// oneOf accepts some values only.
func oneOf(field func(*Settings) *string, values ...string) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		if !slices.Contains(values, value) {
			return errors.New("not one of " + strings.Join(values, ", "))
		}
		*field(c) = value
		return nil
	}
}

// boolean accepts what strconv.ParseBool does.
func boolean(field func(*Settings) *bool) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		parsed, err := strconv.ParseBool(value)
		*field(c) = parsed
		return plain(err, "neither true nor false")
	}
}

func integer(field func(*Settings) *int, least, most int) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		parsed, err := strconv.Atoi(value)
		*field(c) = parsed
		if parsed < least || parsed > most {
			return errors.New("out of range")
		}
		return plain(err, "not a whole number")
	}
}

func duration(field func(*Settings) *time.Duration, least, most time.Duration) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		parsed, err := time.ParseDuration(value)
		*field(c) = parsed
		if err == nil && (parsed < least || parsed > most) {
			return errors.New("out of range")
		}
		return plain(err, "not a duration such as 30s, 10m or 168h")
	}
}

func plain(err error, text string) error {
	if err == nil {
		return nil
	}
	return errors.New(text)
}
