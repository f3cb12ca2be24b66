package pages

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
)

// Theme is what an operator decides about the pages.
type Theme struct {
	Name         string // of the service; "": the issuer's host
	Logo         []byte // an SVG or PNG file that ParseLogo accepts; nil: none
	Language     string // one of Languages, if a browser asks for none of them
	Light, Dark  Colors // of LightColors and DarkColors
	TermsURL     string // "": no link
	PrivacyURL   string // "": no link
	TermsVersion string // of both, kept with each consent
	Scopes       ScopeWords
}

// LinkedTerms returns the version of the terms that pages link to, or "" if they link to none.
func (t Theme) LinkedTerms() string {
	if t.TermsURL == "" && t.PrivacyURL == "" {
		return ""
	}
	return t.TermsVersion
}

// MaxLogo is the size limit of a logo in bytes.
const MaxLogo = 20 << 10

// MaxThemeName is the length limit of Theme.Name in characters.
const MaxThemeName = 40

// CheckLogo returns an error unless a file is an SVG or PNG image of at most MaxLogo bytes.
func CheckLogo(file []byte) error {
	if len(file) > MaxLogo {
		return fmt.Errorf("the file has %d bytes, and may have %d", len(file), MaxLogo)
	}
	if _, err := png.DecodeConfig(bytes.NewReader(file)); err == nil || isSVG(file) {
		return nil
	}
	return errors.New("the file is neither an SVG nor a PNG image")
}

// isSVG reports whether a file is XML with the root element of SVG.
func isSVG(file []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(file))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name == xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}
		}
	}
}
