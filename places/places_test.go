package places_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/places"
	"github.com/lingpai/lingpai/places/placestest"
)

func opened(t testing.TB, file string) *places.Places {
	t.Helper()
	p, err := places.Read(file)
	require.NoError(t, err)
	return p
}

type (
	name  = placestest.Name
	place = placestest.Place
)

// written are the places of a file.
var written = map[string]place{
	"1.1.0.0/16": placestest.Shanghai, "1.2.0.0/16": placestest.Hangzhou,
	"1.3.0.0/16": {City: name{"Xinghua", ""}, Part: name{"Jiangsu", "江苏"}, Country: name{"China", "中国"}},
	"1.4.0.0/16": {Part: name{"Zhejiang", "浙江"}, Country: name{"China", "中国"}},
	"1.5.0.0/16": {Country: name{"China", "中国"}},
	"1.6.0.0/16": {City: name{"Singapore", "新加坡"}, Country: name{"Singapore", "新加坡"}},
	"1.7.0.0/16": {City: name{"Troy", ""}, Country: name{"United States", "美国"}},
	"1.8.0.0/16": {City: name{"Nowhere", "无处"}},
	"1.9.0.0/16": {City: name{"Odd\u202eville", strings.Repeat("长", 100)}, Country: name{"Norway", ""}},
	"10.0.0.0/8": placestest.Shanghai, "2001:db8::/32": placestest.Hangzhou, "fc00::/7": placestest.Shanghai,
}

// TestPlacesInWords: a city or a part of a country, and the country, as far as there are names.
func TestPlacesInWords(t *testing.T) {
	t.Parallel()
	p := opened(t, placestest.Write(t, placestest.City, written))
	for address, want := range map[string][2]string{
		"1.1.1.1": {"Shanghai, China", "中国上海"}, "1.2.3.4": {"Hangzhou, China", "中国杭州"},
		"1.3.3.3": {"Xinghua, China", "中国江苏"}, "1.4.4.4": {"Zhejiang, China", "中国浙江"}, "1.5.5.5": {"China", "中国"},
		"1.6.6.6": {"Singapore", "新加坡"}, "1.7.7.7": {"Troy, United States", "美国 Troy"},
		"1.8.8.8": {"Nowhere", "无处"}, "1.9.9.9": {"Norway", "Norway"},
		"::ffff:1.1.1.1": {"Shanghai, China", "中国上海"}, "2001:db8::1": {"Hangzhou, China", "中国杭州"},
		"2001:db8::1%eth0": {"Hangzhou, China", "中国杭州"},
		// Nobody can know where private addresses are, whatever a file says.
		"10.1.1.1": {}, "::ffff:10.1.1.1": {}, "fd00::1": {}, "127.0.0.1": {}, "::1": {}, "fe80::1": {}, "0.0.0.0": {},
		"1.10.0.1": {}, "2001:db9::1": {}, "": {}, "x": {}, "1.1.1.1:443": {},
	} {
		require.Equal(t, want, [2]string{p.Place(address, "en"), p.Place(address, "zh-CN")}, address)
	}
	require.Equal(t, placestest.City, p.Type())
	require.Equal(t, "2026-01-01", p.Built().UTC().Format(time.DateOnly))
}

// TestCountries: a file of countries knows no more.
func TestCountries(t *testing.T) {
	t.Parallel()
	p := opened(t, placestest.Write(t, placestest.Country, map[string]place{
		"1.1.0.0/16": {Country: name{"China", "中国"}}, "1.2.0.0/16": {Country: name{"Japan", "日本"}}}))
	one, other := p.Compare("1.1.1.1", "1.2.3.4", "zh-CN")
	require.Equal(t, [2]string{"中国", "日本"}, [2]string{one, other})
}

// TestElsewhere: another place is named, but not one that is only known more or less precisely.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	p := opened(t, placestest.Write(t, placestest.City, written))
	for addresses, want := range map[string][2]string{
		"1.1.1.1 1.2.3.4": {"Shanghai, China", "Hangzhou, China"}, "1.1.1.1 1.1.2.2": {"Shanghai, China", ""},
		"1.1.1.1 1.7.7.7": {"Shanghai, China", "Troy, United States"}, "1.1.1.1 1.5.5.5": {"Shanghai, China", ""},
		"1.5.5.5 1.1.1.1": {"China", ""}, "1.5.5.5 1.7.7.7": {"China", "Troy, United States"},
		"1.4.4.4 1.2.3.4": {"Zhejiang, China", ""}, "1.4.4.4 1.1.1.1": {"Zhejiang, China", "Shanghai, China"},
		"1.1.1.1 10.0.0.1": {"Shanghai, China", ""}, "10.0.0.1 1.1.1.1": {"", ""}, "1.10.0.1 1.1.1.1": {"", ""},
	} {
		one, other, _ := strings.Cut(addresses, " ")
		place, otherPlace := p.Compare(one, other, "en")
		require.Equal(t, want, [2]string{place, otherPlace}, addresses)
	}
}

// TestFilesThatAreRefused say what is wrong with them, without their paths.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(content []byte) string {
		path := filepath.Join(folder, "places.mmdb")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	good := placestest.Encode(t, placestest.City, written)
	for _, c := range []struct {
		why, path string
	}{
		{"no such file or directory", filepath.Join(folder, "none.mmdb")}, {"is a directory", folder},
		{`type "GeoLite2-ASN"`, placestest.Write(t, placestest.ASN, written)},
		{"no names of cities and countries", placestest.Write(t, placestest.City, nil)},
	} {
		_, err := places.Read(c.path)
		require.ErrorContains(t, err, c.why)
		require.NotContains(t, err.Error(), folder)
	}
	for _, content := range [][]byte{nil, []byte("PK\x03\x04"), good[:len(good)/2],
		good[bytes.LastIndex(good, []byte("MaxMind.com")):], bytes.Repeat([]byte("\xab\xcd\xefMaxMind.com"), 9)} {
		_, err := places.Read(file(content))
		require.ErrorContains(t, err, "not a database in the format of MaxMind (.mmdb)")
	}
}

// TestDamagedFiles: with any bytes, a file is refused, or some of its places are unknown or have other names.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	good := placestest.Encode(t, placestest.City, written)
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "places.mmdb")
	refused, changed := 0, 0
	for range 3000 {
		damaged := bytes.Clone(good)
		for range 1 + random.IntN(4) {
			damaged[random.IntN(len(damaged))] ^= byte(1 + random.IntN(255))
		}
		require.NoError(t, os.WriteFile(path, damaged[random.IntN(20)*random.IntN(2):], 0o600))
		p, err := places.Read(path)
		if err != nil {
			refused++
			continue
		}
		for network := range written {
			address := strings.Split(network, "/")[0]
			for _, language := range []string{"en", "zh-CN"} {
				p.Place(address, language)
			}
		}
		if place, _ := p.Compare("1.1.0.0", "1.2.0.0", "en"); place != "Shanghai, China" {
			changed++
		}
	}
	require.NotZero(t, refused)
	require.NotZero(t, changed)
}
