package verify

import (
	"context"
	"errors"
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

// fetch reads the key set, and the metadata before it if it was not read yet or the last fetch failed: the key set may have moved.
func (f *fetcher) fetch(ctx context.Context, last fetched) (fetched, error) {
	if f.jwks == "" {
		url, err := f.discover(ctx)
		if err != nil {
			return fetched{}, err
		}
		f.jwks, last.etag = url, ""
	}
	now, err := f.keySet(ctx, last)
	if err != nil {
		err = fmt.Errorf("key set %s: %w", f.jwks, err)
		f.jwks = ""
	}
	return now, err
}

// discover reads the metadata (OpenID Connect Discovery §4, RFC 8414 §3) and returns the URL of the key set. That the issuer in it is the one
// we asked for is what ties the keys to it (§4.3, §3.3).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	url := strings.TrimSuffix(f.issuer, "/") + "/.well-known/openid-configuration"
	var metadata struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	_, body, err := f.get(ctx, url, "")
	if err == nil {
		err = readObject(body, &metadata)
	}
	if err == nil && metadata.Issuer != f.issuer {
		err = fmt.Errorf("its issuer is %q and not %q", metadata.Issuer, f.issuer)
	}
	if err == nil {
		if err = checkURL(metadata.JWKS); err != nil {
			err = fmt.Errorf("its jwks_uri %q %w", metadata.JWKS, err)
		}
	}
	if err != nil {
		return "", fmt.Errorf("metadata %s: %w", url, err)
	}
	return metadata.JWKS, nil
}

func (f *fetcher) keySet(ctx context.Context, last fetched) (fetched, error) {
	header, body, err := f.get(ctx, f.jwks, last.etag)
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

// get returns a document, or nil for its body if it is still the one of that ETag.
func (f *fetcher) get(ctx context.Context, url, etag string) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/json")
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
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocumentSize+1))
	if err == nil && len(body) > maxDocumentSize {
		err = errors.New("it is larger than 256 KiB")
	}
	return response.Header, body, err
}

// lifetimeOf is the max-age of Cache-Control (RFC 9111 §5.2.2.1), an hour at most: a key that was taken out of the set is believed so long.
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
