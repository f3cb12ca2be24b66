// Package places tells where IP addresses probably are, in words, from a file that the operator has: of the databases
// GeoLite2 or GeoIP2 of MaxMind, City or Country, or another one in their format. It asks nobody.
package places

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Chinese is the language whose names are Chinese. In all others they are English.
const Chinese = "zh-CN"

// Places are the places in a file. They are safe for concurrent use.
type Places struct{ reader *maxminddb.Reader }

// Read reads a file into memory, so that it may be replaced meanwhile. It returns an error, which has no path, if the
// file cannot be read, is not in the format of MaxMind, or has no names of cities and countries.
func Read(file string) (*Places, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("not a database in the format of MaxMind (.mmdb): %w", err)
	}
	p := &Places{reader}
	if !p.hasNames() {
		return nil, fmt.Errorf("a database of the type %q, in which there are no names of cities and countries",
			reader.Metadata.DatabaseType)
	}
	return p, nil
}

// maxUnnamed is how many networks at the start of a file may be unknown or without a name.
const maxUnnamed = 1000

// hasNames reports whether there are names of countries. It sees all networks, so that also a damaged tree ends.
func (p *Places) hasNames() bool {
	seen := 0
	for network := range p.reader.Networks(maxminddb.IncludeNetworksWithoutData(),
		maxminddb.IncludeAliasedNetworks()) {
		if decoded(network).Country.name(Chinese) != "" {
			return true
		}
		if seen++; seen > maxUnnamed {
			return false
		}
	}
	return false
}

// Type returns the type of the database, such as "GeoLite2-City".
func (p *Places) Type() string { return p.reader.Metadata.DatabaseType }

// Built returns when the database was made.
func (p *Places) Built() time.Time { return p.reader.Metadata.BuildTime() }

// record is what a file knows about an address.
type record struct {
	City         area   `maxminddb:"city"`
	Subdivisions []area `maxminddb:"subdivisions"` // the largest first
	Country      area   `maxminddb:"country"`
}

// area is a city, a part of a country, or a country.
type area struct {
	ID    uint32 `maxminddb:"geoname_id"`
	Names struct {
		Chinese string `maxminddb:"zh-CN"`
		English string `maxminddb:"en"`
	} `maxminddb:"names"`
}

// decoded returns the record of a result, or none if it is damaged.
func decoded(result maxminddb.Result) record {
	var found record
	if !result.Found() || result.Decode(&found) != nil {
		return record{}
	}
	return found
}

// find returns the record of an IP address, or none.
func (p *Places) find(address string) record {
	ip, err := netip.ParseAddr(address)
	ip = ip.Unmap().WithZone("")
	if err != nil || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return record{}
	}
	return decoded(p.reader.Lookup(ip))
}

// Place returns where an IP address is, in a language: a city, or a part of a country, and the country, such as
// "Shanghai, China" or "中国上海"; or only the country. It returns "" if that is unknown.
func (p *Places) Place(address, language string) string { return p.find(address).text(language) }

// Compare returns where an address is, as Place does, and where another one is if that is elsewhere as far as both are
// known: in another country, or in another part of it.
func (p *Places) Compare(address, other, language string) (place, otherPlace string) {
	one, two := p.find(address), p.find(other)
	place = one.text(language)
	if otherPlace = two.text(language); otherPlace == place || !one.isElsewhere(two) {
		otherPlace = ""
	}
	return place, otherPlace
}

// isElsewhere reports whether a record is of another place, and not only more or less precise.
func (r record) isElsewhere(other record) bool {
	return r.Country.differs(other.Country) || r.City.differs(other.City) || r.part().differs(other.part())
}

func (a area) differs(other area) bool { return a != other && a != area{} && other != area{} }

// part returns the largest part of the country in which a place is, or none.
func (r record) part() area {
	if len(r.Subdivisions) == 0 {
		return area{}
	}
	return r.Subdivisions[0]
}

// text returns a place in words. Many cities have no Chinese name; then the part of the country says enough.
func (r record) text(language string) string {
	country := r.Country.name(language)
	within := cmp.Or(r.City.in(language), r.part().in(language), r.City.name(language), r.part().name(language))
	switch {
	case country == "" || within == "" || within == country: // Singapore
		return cmp.Or(country, within)
	case language != Chinese:
		return within + ", " + country
	}
	if first, _ := utf8.DecodeRuneInString(within); !unicode.Is(unicode.Han, first) {
		return country + " " + within
	}
	return country + within
}

// in returns a name in a language, or "" if there is none.
func (a area) in(language string) string {
	if language == Chinese {
		return printable(a.Names.Chinese)
	}
	return printable(a.Names.English)
}

// name returns a name in a language, or otherwise the English one.
func (a area) name(language string) string { return cmp.Or(a.in(language), a.in("en")) }

// maxName is how many bytes a name has at most.
const maxName = 200

// printable returns a name, or "" for what can only be damaged.
func printable(name string) string {
	if len(name) > maxName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return strings.TrimSpace(name)
}
