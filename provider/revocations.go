package provider

import (
	"net/http"
	"strings"

	"github.com/lingpai/lingpai/access"
)

// revocationsEndpoint serves the signed list of sessions that ended before their access tokens expired. It is public:
// it contains hashes of session ids, and reveals only how many sessions ended.
type revocationsEndpoint struct {
	access *access.Service
	slots  *slots
}

var (
	revocationsType = []string{"application/revocations2+jwt"}
	gzipped         = []string{"gzip"}
	byEncoding      = []string{"Accept-Encoding"}
	// as old as the list itself may be, so a shared cache at most doubles its age
	briefCache = []string{"public, max-age=1"}
)

func (e revocationsEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	list, err := e.list(r)
	if err != nil {
		return err
	}
	answer := content{body: list.Body, etag: list.ETag, contentType: revocationsType, cache: briefCache}
	if list.Gzipped != nil && acceptsGzip(r.Header) {
		answer.body, answer.encoding = list.Gzipped, gzipped
	}
	w.Header()["Vary"] = byEncoding
	answer.serve(w, r)
	return nil
}

// list returns the list. It holds a slot until it has the list, which may have to be read and signed.
func (e revocationsEndpoint) list(r *http.Request) (*access.RevocationList, error) {
	release, err := e.slots.acquire(r.Context(), slotQuick)
	if err != nil {
		return nil, err
	}
	defer release()
	return e.access.Revocations(r.Context())
}

// acceptsGzip reports whether a request allows the content coding gzip (RFC 9110 §12.5.3).
func acceptsGzip(header http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !isZero(weight)
		}
	}
	return false
}

// isZero reports whether a weight such as "q=0.0" is zero (RFC 9110 §12.4.2).
func isZero(weight string) bool {
	_, value, _ := strings.Cut(strings.ReplaceAll(weight, " ", ""), "=")
	return value != "" && strings.Trim(value, "0.") == ""
}
