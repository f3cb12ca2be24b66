package provider_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/places/placestest"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// withPlaces gives an installation a file of places: Shanghai has the network of screens, and Hangzhou is elsewhere.
func withPlaces(t testing.TB) option {
	t.Helper()
	file := placestest.File(t)
	return func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.ScanPlaces = file })
	}
}

// from is a visitor at an address who reads a language.
func (v visitor) from(address, language string) visitor {
	v.sends = http.Header{"X-Forwarded-For": {address}, "Accept-Language": {language}}
	return v
}

// TestPlacesOnThePhone: the page says where the screen is, and where the phone is if that is elsewhere.
func TestPlacesOnThePhone(t *testing.T) {
	t.Parallel()
	w := newScans(t, withPlaces(t))
	p := w.screen().show("shop")
	for _, c := range []struct {
		address, language string
		says, not         []string
	}{
		{elsewhere, "zh-CN", []string{"它的 IP 归属地是<bdi>中国上海</bdi>。", "而你的 IP 归属地是<bdi>中国杭州</bdi>"}, nil},
		{elsewhere, "en", []string{"By its address, it is in <bdi>Shanghai, China</bdi>.",
			"But by yours, you are in <bdi>Hangzhou, China</bdi>."}, []string{"中国"}},
		{alsoHome, "en", []string{"<bdi>Shanghai, China</bdi>"}, []string{`id="elsewhere"`, "Hangzhou"}},
		{"203.0.113.9", "en", []string{"<bdi>Shanghai, China</bdi>"}, []string{`id="elsewhere"`}},
		{"10.0.0.9", "zh-CN", []string{"<bdi>中国上海</bdi>"}, []string{`id="elsewhere"`}},
	} {
		page := w.visitor().from(c.address, c.language).approveScan(handleOf(t, p), "alice")
		for _, text := range c.says {
			require.Contains(t, page.body, text, c.address)
		}
		for _, text := range c.not {
			require.NotContains(t, page.body, text, c.address)
		}
	}
	english := w.visitor().from(elsewhere, "zh-CN")
	page := english.enter(english.follow(english.open("/scan?scan="+handleOf(t, p)+"&ui_locales=en")), "bob")
	require.Contains(t, page.body, "Hangzhou, China", "the parameter precedes the header")
}

// TestUnknownPlacesOnThePhone: with a file that does not know the screen, and without a file, nothing is said.
func TestUnknownPlacesOnThePhone(t *testing.T) {
	t.Parallel()
	w, without := newScans(t, withPlaces(t)), newScans(t)
	s := w.screen()
	s.sends.Set("X-Forwarded-For", "203.0.113.9")
	for _, page := range []page{
		w.visitor().from(elsewhere, "en").approveScan(handleOf(t, s.show("shop")), "alice"),
		without.visitor().from(elsewhere, "en").approveScan(handleOf(t, without.screen().show("shop")), "alice"),
	} {
		require.Contains(t, page.body, "The screen is not in your network")
		require.NotContains(t, page.body, "By its address")
		require.NotContains(t, page.body, "Hangzhou")
	}
	seen := w.phone("ada").look(handleOf(t, s.show("shop")))
	require.Equal(t, http.StatusOK, seen.status)
	require.NotContains(t, seen.members, "place")
	require.NotContains(t, seen.members, "caller_place")
}

// TestPlacesForMiniPrograms are in the language of the parameter, of the header, or of the pages.
func TestPlacesForMiniPrograms(t *testing.T) {
	t.Parallel()
	w := newScans(t, withPlaces(t))
	near, far := w.phone("ada"), w.phone("eve")
	far.address = elsewhere
	seen := near.look(handleOf(t, w.screen().show("shop")))
	require.Equal(t, "中国上海", seen.text("place"))
	require.NotContains(t, seen.members, "caller_place")
	for _, c := range []struct {
		pairs []string
		want  [2]string
	}{
		{nil, [2]string{"中国上海", "中国杭州"}},
		{[]string{":Accept-Language", "en-US,zh;q=0.5"}, [2]string{"Shanghai, China", "Hangzhou, China"}},
		{[]string{":Accept-Language", "en", "ui_locales", "zh-CN"}, [2]string{"中国上海", "中国杭州"}},
		{[]string{"ui_locales", "de en"}, [2]string{"Shanghai, China", "Hangzhou, China"}},
		{[]string{"ui_locales", "x"}, [2]string{"中国上海", "中国杭州"}},
	} {
		seen := far.look(handleOf(t, w.screen().show("shop")), c.pairs...)
		require.Equal(t, http.StatusOK, seen.status)
		require.Equal(t, c.want, [2]string{seen.text("place"), seen.text("caller_place")}, c.pairs)
		require.Equal(t, false, seen.members["near"])
	}
}

// TestThePageSaysForHowLongTheCodeHasBeenShown: one that somebody has sent is not new.
func TestThePageSaysForHowLongTheCodeHasBeenShown(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	p := w.screen().show("shop")
	chinese, english := w.visitor().from(elsewhere, "zh-CN"), w.visitor().from(elsewhere, "en")
	require.Regexp(t, `二维码是 (<bdi>)?\d(</bdi>)? 秒前显示的。`, chinese.approveScan(handleOf(t, p), "alice").body)
	w.advance(73 * time.Second)
	require.Regexp(t, `The code was shown <bdi>7\d</bdi> seconds ago\.`,
		english.approveScan(handleOf(t, p), "alice").body)
	require.Equal(t, http.StatusOK, w.phone("ada").look(handleOf(t, p)).status)
	w.advance(90 * time.Second)
	require.Contains(t, chinese.approveScan(handleOf(t, p), "alice").body, "二维码是 <bdi>2</bdi> 分钟前显示的。")
}
