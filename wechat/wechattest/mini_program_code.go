package wechattest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/color"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of getUnlimitedQRCode.
const (
	codesPerMinute = 5_000 // for an app
	maxScene       = 32    // characters
	minCodeWidth   = 280   // pixels
	maxCodeWidth   = 1280
	codeWidth      = 430 // unless another is asked for
)

// sceneCharacters are those that a scene may have. There is no "%", so a scene cannot be URL-encoded.
const sceneCharacters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$&'()*+,/:;=?@-._~"

// A MiniProgramCode is a code (小程序码) that getUnlimitedQRCode has made. Only WeChat can read it, and it never expires.
type MiniProgramCode struct {
	ID         string    `json:"id"` // the number on its picture, of six digits
	AppID      string    `json:"appid"`
	Page       string    `json:"page"` // empty: the home page, when the code is scanned
	Scene      string    `json:"scene"`
	EnvVersion string    `json:"env_version"` // "release", "trial" or "develop"
	SHA256     string    `json:"sha256"`      // of the picture, in hexadecimal, to tell which code a picture shows
	Made       time.Time `json:"made"`
}

// miniProgramCodes makes the codes of mini-programs.
type miniProgramCodes struct {
	*platform
	*appTokens
	pictures *limitedMap[string, MiniProgramCode] // by id
}

// MiniProgramCodes returns the codes that were made last, the newest first, at most 100.
func (s *miniProgramCodes) MiniProgramCodes() []MiniProgramCode {
	return lastMade(s.platform, s.pictures)
}

// codeRequirements is the body of a call of getUnlimitedQRCode.
type codeRequirements struct {
	Scene      string    `json:"scene"`
	Page       string    `json:"page"`        // default: the home page
	CheckPath  *bool     `json:"check_path"`  // default true: the page must be published
	EnvVersion string    `json:"env_version"` // default "release"
	Width      *int      `json:"width"`
	AutoColor  bool      `json:"auto_color"` // has no effect
	LineColor  lineColor `json:"line_color"`
	IsHyaline  bool      `json:"is_hyaline"` // the background is transparent
}

// lineColor is a color of 0 to 255 in each part, as numbers or as texts.
type lineColor struct {
	Red   json.Number `json:"r"`
	Green json.Number `json:"g"`
	Blue  json.Number `json:"b"`
}

// unlimitedCode is getUnlimitedQRCode, POST /wxa/getwxacodeunlimit. Its answer is a picture.
func (s *miniProgramCodes) unlimitedCode(received call) *answer {
	var body codeRequirements
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	known, failed := s.miniProgram(received)
	switch {
	case failed != nil:
		return failed
	case !s.allow(perMinute(codesPerMinute), "mini-program code", known.AppID):
		return failWith(45009)
	}
	if errcode := body.fault(known.Pages); errcode != 0 {
		return failWith(errcode)
	}
	line, valid := body.LineColor.rgba()
	if !valid {
		return failWith(40097)
	}
	made := MiniProgramCode{ID: s.codeID(), AppID: known.AppID, Page: body.Page, Scene: body.Scene,
		EnvVersion: body.EnvVersion, Made: s.now()}
	if made.EnvVersion == "" {
		made.EnvVersion = versionRelease
	}
	drawn := drawCode(made.ID, body.width(), line, body.IsHyaline)
	digest := sha256.Sum256(drawn.body)
	made.SHA256 = hex.EncodeToString(digest[:])
	s.pictures.put(made.ID, made)
	return &answer{picture: &drawn}
}

// fault returns WeChat's errcode for what is wrong with the call, or 0. pages are those that the app has published.
func (c codeRequirements) fault(pages []string) int {
	published := len(pages) > 0 && c.Page == "" || slices.Contains(pages, c.Page)
	switch {
	case c.Scene == "" || len([]rune(c.Scene)) > maxScene:
		return 40169
	case strings.Trim(c.Scene, sceneCharacters) != "":
		return 40129
	case strings.Contains(c.Page, "scancode_time"):
		return 85096 // WeChat's own parameter
	case c.Page != "" && !validPage(c.Page), !published && (c.CheckPath == nil || *c.CheckPath):
		return 41030
	case c.width() < minCodeWidth || c.width() > maxCodeWidth:
		return 40097
	case !slices.Contains([]string{"", versionRelease, versionTrial, versionDevelop}, c.EnvVersion):
		return 40097
	}
	return 0
}

func (c codeRequirements) width() int {
	if c.Width == nil {
		return codeWidth
	}
	return *c.Width
}

// rgba returns the color, or false if a part is not from 0 to 255. A part that is missing is 0.
func (c lineColor) rgba() (color.RGBA, bool) {
	var parts [3]uint8
	for i, part := range []json.Number{c.Red, c.Green, c.Blue} {
		value, err := strconv.ParseUint("0"+part.String(), 10, 8)
		if err != nil {
			return color.RGBA{}, false
		}
		parts[i] = uint8(value)
	}
	return color.RGBA{parts[0], parts[1], parts[2], 255}, true
}

// codeID returns six digits that no other code has.
func (s *miniProgramCodes) codeID() string {
	for {
		drawn := s.bytes(3)
		id := fmt.Sprintf("%06d", (int(drawn[0])<<16|int(drawn[1])<<8|int(drawn[2]))%1_000_000)
		if _, taken := s.pictures.get(id); !taken {
			return id
		}
	}
}
