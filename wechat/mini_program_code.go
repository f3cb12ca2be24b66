package wechat

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"sync"
)

// maxImage limits the picture of a code, in bytes. One of 430 pixels has about 100 KiB.
const maxImage = 1 << 20

// minWidth is the least width of a code's picture, in pixels. It is as large as screens show it.
const minWidth = 280

// A MiniProgramCode opens a page of a mini-program when it is scanned with WeChat. The page gets the scene.
type MiniProgramCode struct {
	Scene   string // 1 to 32 letters, digits and !#$&'()*+,/:;=?@-._~
	Page    string // such as "pages/scan/scan"; "": the first one
	Version string // "release", "trial" or "develop"; "": release
	// Unpublished lets the page be one that is not in the published version.
	Unpublished bool
}

// A Picture is a JPEG or PNG.
type Picture struct {
	Body        []byte
	ContentType string
}

// validScene matches what may be in a scene.
var validScene = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}$`)
})

// codeClasses are the errcodes that blame the settings: the scene (40129, 40169), the page (41030, 85096), and other
// parameters (40097).
func codeClasses() map[int]error {
	return map[int]error{40097: ErrMisconfigured, 40129: ErrMisconfigured, 40169: ErrMisconfigured,
		41030: ErrMisconfigured, 85096: ErrMisconfigured}
}

// MiniProgramCode returns the picture of a code (wxacode.getUnlimited, POST /wxa/getwxacodeunlimit). WeChat makes 5000
// of them a minute for an app, and they never expire; what the scene stands for must.
func (a *AppTokens) MiniProgramCode(ctx context.Context, credentials Credentials, code MiniProgramCode) (Picture,
	error) {
	if !validScene().MatchString(code.Scene) {
		return Picture{}, &Error{Class: ErrMisconfigured, Reason: "implausible scene"}
	}
	members := map[string]any{"scene": code.Scene, "width": minWidth, "check_path": !code.Unpublished}
	if code.Page != "" {
		members["page"] = code.Page
	}
	if code.Version != "" {
		members["env_version"] = code.Version
	}
	return withAppToken(ctx, a, "getUnlimitedQRCode", credentials, func(ctx context.Context, token Secret) (Picture,
		error) {
		body, err := a.client.postForPicture(ctx, "/wxa/getwxacodeunlimit", withToken(token, nil), members)
		if err != nil {
			return Picture{}, err
		}
		return parsePicture(body)
	})
}

// parsePicture reads an answer that is a picture, or an error as JSON. WeChat's own Content-Type is not always right.
func parsePicture(body []byte) (Picture, error) {
	contentType := http.DetectContentType(body)
	switch {
	case contentType == "image/jpeg" || contentType == "image/png":
		return Picture{body, contentType}, nil
	case !bytes.HasPrefix(bytes.TrimLeft(body, "\ufeff \t\r\n"), []byte("{")):
		return Picture{}, outage("neither a picture nor an error")
	}
	if _, err := parseAnswer(body, codeClasses()); err != nil {
		return Picture{}, err
	}
	return Picture{}, outage("no picture")
}
