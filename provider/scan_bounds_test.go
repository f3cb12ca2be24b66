package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
)

// TestCodesAreLimitedByAddress: nobody can fill the store with codes.
func TestCodesAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	w := newScans(t, limited(limits.Scans, 3))
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	link := strings.Split(p.at, "&screen=")[0]
	for range 2 {
		require.Contains(t, s.at(link).body, `class="qr"`)
	}
	require.Equal(t, http.StatusTooManyRequests, s.at(link).status)
	require.Contains(t, s.again(p).body, `class="qr"`, "a code that there is goes on")
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
}

// TestScansAreLimitedByUser: a phone cannot claim codes without end.
func TestScansAreLimitedByUser(t *testing.T) {
	t.Parallel()
	w := newScans(t, limited(limits.ScansUser, 2))
	s, ada, bea := w.screen(), w.phone("ada"), w.phone("bea")
	for range 2 {
		require.Equal(t, http.StatusOK, ada.look(handleOf(t, s.show("shop"))).status)
	}
	p := s.show("shop")
	requireTooMany(t, ada.look(handleOf(t, p)))
	require.Equal(t, http.StatusOK, bea.look(handleOf(t, p)).status, "another user")
}

// TestReportsHarmNoNeighbors: what they have approved stays, and few reports end what is open. Declining always works.
func TestReportsHarmNoNeighbors(t *testing.T) {
	t.Parallel()
	w := newScans(t, limited(limits.ScanReports, 2))
	ada, eve := w.phone("ada"), w.phone("eve")
	victim, mine := w.screen(), w.screen()
	confirm := victim.approved(ada, "shop")
	report := func() {
		t.Helper()
		handle := handleOf(t, mine.show("shop"))
		require.Equal(t, http.StatusOK, eve.look(handle).status)
		require.Equal(t, http.StatusNoContent, eve.decline(handle, "report", "true").status)
	}
	report()
	victim.code(victim.goOn(confirm), "shop")

	other := w.screen()
	p := other.show("shop")
	report()
	requireScanError(t, ada.look(handleOf(t, p)), "expired")
	p = other.show("shop", "prompt", "login")
	report()
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status, "too many reports")
	require.Len(t, w.events(identity.EventScanReported), 3)
}

// TestFewTabsWait for a code, so that a browser which was given one cannot keep requests without end.
func TestFewTabsWait(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	answered := make(chan int, 10)
	for range cap(answered) {
		go func() { answered <- s.wait(p).status }()
	}
	for range cap(answered) - 4 {
		require.Equal(t, http.StatusServiceUnavailable, <-answered)
	}
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	for range 4 {
		require.Equal(t, http.StatusOK, <-answered)
	}
}

// TestAnOfficeScans: two hundred people behind one address, each with a screen and a phone.
func TestAnOfficeScans(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	shown := make([]page, 200)
	screens := make([]screen, len(shown))
	for n := range shown {
		screens[n] = w.screen()
		shown[n] = screens[n].show("shop")
	}
	for n, p := range shown {
		require.Contains(t, screens[n].again(p).body, `class="qr"`)
	}
	last := len(shown) - 1
	ada, handle := w.phone("ada"), handleOf(t, shown[last])
	require.Equal(t, http.StatusOK, ada.look(handle).status)
	require.Equal(t, http.StatusNoContent, ada.approve(handle, "number", numberOn(t, shown[last])).status)
	require.Contains(t, screens[last].again(shown[last]).body, `id="scan-continue"`)
}
