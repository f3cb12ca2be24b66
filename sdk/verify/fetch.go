package verify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	fetchTimeout    = 5 * time.Second // of metadata and key set together
	maxDocumentSize = 256 << 10       // bytes
	defaultLifetime = 5 * time.Minute
	maxLifetime     = time.Hour
)

// fetcher reads the issuer's documents. One fetch at a time uses it.
type fetcher struct {
	issuer string
	client *http.Client
	jwks   string // the URL of the key set; empty until the metadata told
}

// fetched is a key set as the issuer published it last.
type fetched struct {
	keys     map[string]*publicKey
	etag     string
	lifetime time.Duration // how long it may be used without asking again
}

func newFetcher(issuer string, client *http.Client) fetcher {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return fetcher{issuer: issuer, client: &own}
}

// fetch reads the key set, and the metadata before it if it was not read yet or the last fetch failed: the
// key set may have moved.
func (f *fetcher) fetch(ctx context.Context, last fetched) (fetched, error) {
	if f.jwks == "" {
		found, err := f.discover(ctx)
		if err == nil {
			err = f.checkMember("jwks_uri", found.JWKS)
		}
		if err != nil {
			return fetched{}, err
		}
		f.jwks, last.etag = found.JWKS, ""
	}
	now, err := f.keySet(ctx, last)
	if err != nil {
		err = fmt.Errorf("key set %s: %w", f.jwks, err)
		f.jwks = ""
	}
	return now, err
}

// metadata is what counts in the issuer's metadata.
type metadata struct {
	Issuer      string `json:"issuer"`
	JWKS        string `json:"jwks_uri"`
	Revocations string `json:"revocations_uri"`
}

// discover reads the metadata (OpenID Connect Discovery §4, RFC 8414 §3). That the issuer in it is the one we
// asked for is what ties all else in it to the issuer (§4.3, §3.3).
func (f *fetcher) discover(ctx context.Context) (found metadata, err error) {
	_, body, err := f.get(ctx, f.metadataURL(), "", maxDocumentSize)
	if err == nil {
		err = readObject(body, &found)
	}
	if err == nil && found.Issuer != f.issuer {
		err = fmt.Errorf("its issuer is %q and not %q", found.Issuer, f.issuer)
	}
	if err != nil {
		return metadata{}, fmt.Errorf("metadata %s: %w", f.metadataURL(), err)
	}
	return found, nil
}

func (f *fetcher) metadataURL() string {
	return strings.TrimSuffix(f.issuer, "/") + "/.well-known/openid-configuration"
}

// checkMember says what is wrong with a URL in the metadata.
func (f *fetcher) checkMember(name, value string) error {
	if value == "" {
		return fmt.Errorf("metadata %s: it has no %s", f.metadataURL(), name)
	}
	if err := checkURL(value); err != nil {
		return fmt.Errorf("metadata %s: its %s %q %w", f.metadataURL(), name, value, err)
	}
	return nil
}

func (f *fetcher) keySet(ctx context.Context, last fetched) (fetched, error) {
	header, body, err := f.get(ctx, f.jwks, last.etag, maxDocumentSize)
	if err != nil {
		return fetched{}, err
	}
	lifetime := lifetimeOf(header)
	if body == nil {
		return fetched{keys: last.keys, etag: last.etag, lifetime: lifetime}, nil
	}
	keys, err := parseKeys(body, last.keys)
	return fetched{keys: keys, etag: header.Get("ETag"), lifetime: lifetime}, err
}

// get returns a document of at most limit bytes, or nil for its body if it is still the one of that ETag.
func (f *fetcher) get(ctx context.Context, url, etag string, limit int) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/json, application/revocations+jwt")
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && etag != "" {
		return response.Header, nil, nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err == nil && len(body) > limit {
		err = fmt.Errorf("it is larger than %d KiB", limit>>10)
	}
	return response.Header, body, err
}

// lifetimeOf is the max-age of Cache-Control (RFC 9111 §5.2.2.1), an hour at most: a key that was taken out
// of the set is believed so long.
func lifetimeOf(header http.Header) time.Duration {
	for _, directive := range strings.Split(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if strings.EqualFold(name, "max-age") && err == nil {
			return min(time.Duration(seconds)*time.Second, maxLifetime)
		}
	}
	return defaultLifetime
}
