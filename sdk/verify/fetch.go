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

// fetcher fetches the issuer's documents. It is used by one fetch at a time.
type fetcher struct {
	issuer string
	client *http.Client
	jwks   string // the URL of the key set; empty until the metadata was read
}

// fetched is the last fetched key set.
type fetched struct {
	keys     map[string]*publicKey
	etag     string
	lifetime time.Duration // how long it may be used before the next fetch
}

func newFetcher(issuer string, client *http.Client) fetcher {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return fetcher{issuer: issuer, client: &own}
}

// fetch fetches the key set, and the metadata first if it was not read yet or the last fetch failed, since the key
// set may have moved.
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

// metadata are the needed members of the issuer's metadata.
type metadata struct {
	Issuer         string `json:"issuer"`
	JWKS           string `json:"jwks_uri"`
	RevocationList string `json:"revocation_list_uri"`
}

// discover fetches the metadata (OpenID Connect Discovery §4, RFC 8414 §3). The issuer in it must be the expected
// one, which ties the other members to the issuer (§4.3, §3.3).
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

// checkMember returns an error if a URL in the metadata is missing or invalid.
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

// get returns a document of at most limit bytes, or a nil body if it still has that ETag.
func (f *fetcher) get(ctx context.Context, url, etag string, limit int) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/json, application/revocations2+jwt")
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

// lifetimeOf returns the max-age of Cache-Control (RFC 9111 §5.2.2.1), at most an hour, since a removed key is
// trusted for that long.
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
