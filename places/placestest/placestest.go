// Package placestest writes small files of places, as those of MaxMind are.
package placestest

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/stretchr/testify/require"
	"go4.org/netipx"
)

// Types of databases.
const (
	City    = "GeoLite2-City"
	Country = "GeoLite2-Country"
	ASN     = "GeoLite2-ASN"
)

// Name is a name in English and in Chinese; "": there is none.
type Name [2]string

// Place is what a file knows about a network. Parts of the country and cities with other names are other ones.
type Place struct{ City, Part, Country Name }

// The places in [File].
var (
	Shanghai = Place{City: Name{"Shanghai", "上海"}, Part: Name{"Shanghai", "上海"}, Country: china}
	Hangzhou = Place{City: Name{"Hangzhou", "杭州"}, Part: Name{"Zhejiang", "浙江"}, Country: china}
	china    = Name{"China", "中国"}
)

// File writes a file of cities, and returns its path: Shanghai has 192.0.2.0/24, and Hangzhou 198.51.100.0/24.
func File(t testing.TB) string {
	t.Helper()
	return Write(t, City, map[string]Place{"192.0.2.0/24": Shanghai, "198.51.100.0/24": Hangzhou})
}

// Write writes a file with the places of networks, and returns its path.
func Write(t testing.TB, kind string, places map[string]Place) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), kind+".mmdb")
	require.NoError(t, os.WriteFile(file, Encode(t, kind, places), 0o600))
	return file
}

// Encode returns what a file contains. It was made at the beginning of 2026.
func Encode(t testing.TB, kind string, places map[string]Place) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, BuildEpoch: 1767225600,
		Languages: []string{"en", "zh-CN"}, IncludeReservedNetworks: true}) // those of documentation are reserved
	require.NoError(t, err)
	for network, place := range places {
		prefix, err := netip.ParsePrefix(network)
		require.NoError(t, err)
		value := place.value()
		if kind == ASN {
			value = mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64496)}
		}
		require.NoError(t, tree.Insert(netipx.PrefixIPNet(prefix), value))
	}
	var file bytes.Buffer
	_, err = tree.WriteTo(&file)
	require.NoError(t, err)
	return file.Bytes()
}

// value returns the record of a place, without what it does not have.
func (p Place) value() mmdbtype.Map {
	value := mmdbtype.Map{}
	if p.City != (Name{}) {
		value["city"] = p.City.value()
	}
	if p.Part != (Name{}) {
		value["subdivisions"] = mmdbtype.Slice{p.Part.value()}
	}
	if p.Country != (Name{}) {
		value["country"] = p.Country.value()
	}
	return value
}

func (n Name) value() mmdbtype.Map {
	names := mmdbtype.Map{}
	for i, language := range []mmdbtype.String{"en", "zh-CN"} {
		if n[i] != "" {
			names[language] = mmdbtype.String(n[i])
		}
	}
	return mmdbtype.Map{"names": names}
}
