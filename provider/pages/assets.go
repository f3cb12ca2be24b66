package pages

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"path"
)

//go:embed assets
var assetFiles embed.FS

// AssetPattern is the pattern of the path of assets, below the issuer's, for http.ServeMux.
const AssetPattern = "/pages/{version}/{name}"

// asset is a file that pages refer to. Its path contains a hash of it, so that it may be cached for ever.
type asset struct {
	body                       []byte
	contentType, version, path string
}

// newAsset returns an asset with a path below base.
func newAsset(base, name, contentType string, body []byte) asset {
	sum := sha256.Sum256(body)
	version := base64.RawURLEncoding.EncodeToString(sum[:9])
	return asset{body, contentType, version, path.Join("/", base, "pages", version, name)}
}

// assetsOf returns the assets of a theme by name, with a style sheet that uses its colors.
func assetsOf(base string, theme Theme, style string) map[string]asset {
	style = theme.Light.css() + "\n@media(prefers-color-scheme:dark){" + theme.Dark.css() + "}\n" + style
	all := map[string]asset{
		"style.css": newAsset(base, "style.css", "text/css; charset=utf-8", []byte(style)),
		"submit.js": newAsset(base, "submit.js", "text/javascript; charset=utf-8", []byte(file("submit.js"))),
		"scan.js":   newAsset(base, "scan.js", "text/javascript; charset=utf-8", []byte(file("scan.js"))),
		"icon.svg":  newAsset(base, "icon.svg", "image/svg+xml", []byte(file("icon.svg"))), // if there is no logo
	}
	if theme.Logo != nil {
		contentType := "image/png"
		if isSVG(theme.Logo) {
			contentType = "image/svg+xml"
		}
		all["logo"] = newAsset(base, "logo", contentType, theme.Logo)
	}
	return all
}

func file(name string) string {
	text, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // tests read all of them
	}
	return string(text)
}

// ServeAsset serves the assets at [AssetPattern]. A version that it does not have is from a page of another replica,
// while they are updated: it gets the file that there is, which must not be cached.
func (p *Pages) ServeAsset(w http.ResponseWriter, r *http.Request) {
	found, ok := p.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", found.contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // of an SVG
	header.Set("Cache-Control", "no-store")
	if r.PathValue("version") == found.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(found.body) // an error means that the caller is gone
}
