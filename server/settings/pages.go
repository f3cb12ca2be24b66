package settings

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lingpai/lingpai/provider/pages"
)

// pageSettings are the settings of the pages that people see in a browser.
func pageSettings() []setting {
	return []setting{
		{key: "pages.name", usage: "name of the service on its pages, up to 40 characters without @; empty: the " +
			"host of server.issuer", parse: parsePagesName},
		{key: "pages.logo", usage: "path of an SVG or PNG file of at most 20 KiB, read at the start; empty: no logo",
			parse: parseLogo},
		{key: "pages.scopes", usage: "path of a JSON file of at most 20 KiB, read at the start, with what scopes " +
			`of your APIs allow, in words, such as {"orders.read": {"zh-CN": "查看订单", "en": "See your orders"}}; ` +
			"empty: pages show their names", parse: parseScopes},
		{key: "pages.language", fallback: pages.Languages()[0],
			usage: "zh-CN or en: the language of pages for browsers that ask for neither", parse: parseLanguage},
		{key: "pages.colors", usage: "colors of the pages that differ from the default, separated by commas, such as " +
			"accent=#0d6b4f: background, surface, text, muted, line, accent, accent-text and error, each #rrggbb; " +
			"text must have a contrast of 4.5 to what it is on, and lines one of 3",
			parse: parseColors(pages.LightColors, func(c *Settings) *pages.Colors { return &c.Pages.Light })},
		{key: "pages.dark_colors", usage: "the same for browsers that prefer dark pages",
			parse: parseColors(pages.DarkColors, func(c *Settings) *pages.Colors { return &c.Pages.Dark })},
		{key: "pages.terms_url", usage: "https URL of the terms of service; empty: no link",
			parse: link(func(c *Settings) *string { return &c.Pages.TermsURL })},
		{key: "pages.privacy_url", usage: "https URL of the privacy policy; empty: no link",
			parse: link(func(c *Settings) *string { return &c.Pages.PrivacyURL })},
		{key: "pages.terms_version", fallback: "1", usage: "version of both texts, which is kept with each consent: " +
			"1 to 32 letters, digits and ._-", parse: parseTermsVersion},
	}
}

func parsePagesName(c *Settings, value string) error {
	c.Pages.Name = value
	if utf8.RuneCountInString(value) > pages.MaxThemeName || value != strings.TrimSpace(value) ||
		strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) || r == '@' }) {
		return errors.New("not a name")
	}
	return nil
}

func parseLogo(c *Settings, path string) error {
	file, err := readAtMost(path, pages.MaxLogo)
	if err != nil || file == nil {
		return err
	}
	c.Pages.Logo = file
	return pages.CheckLogo(file)
}

func parseScopes(c *Settings, path string) error {
	file, err := readAtMost(path, pages.MaxScopeWords)
	if err != nil || file == nil {
		return err
	}
	c.Pages.Scopes, err = pages.ParseScopeWords(file)
	return err
}

// readAtMost returns at most one byte more of a file than its limit, or nil if there is no path.
func readAtMost(path string, limit int64) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path, see setting.read
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	return content, errors.Unwrap(err)
}

func parseLanguage(c *Settings, value string) error {
	c.Pages.Language = value
	if !slices.Contains(pages.Languages(), value) {
		return errors.New("neither zh-CN nor en")
	}
	return nil
}

func parseColors(with func(changes string) (pages.Colors, error), field func(*Settings) *pages.Colors) func(*Settings,
	string) error {
	return func(c *Settings, value string) (err error) {
		*field(c), err = with(value)
		return err
	}
}

func link(field func(*Settings) *string) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		*field(c) = value
		if value == "" {
			return nil
		}
		return pages.CheckLink(value)
	}
}

func parseTermsVersion(c *Settings, value string) error {
	c.Pages.TermsVersion = value
	if len(value) > 32 || !consistsOf(value, "._-") {
		return errors.New("not a version")
	}
	return nil
}
