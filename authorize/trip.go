package authorize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Trip is the way of a browser to a page of WeChat and back. The browser keeps it, sealed, so that nothing is stored
// before somebody has signed in. The names of its JSON members are short, since cookies are.
type Trip struct {
	Query   string `json:"q"`           // of the page that it began at, which carries the request on
	App     string `json:"a"`           // AppID
	Profile bool   `json:"p,omitempty"` // the official account asks for the profile
	InFrame bool   `json:"f,omitempty"` // WeChat's page is in a frame
	Used    bool   `json:"u,omitempty"` // the browser has come back; it may do so again, by the back button
	State   string `json:"s"`           // that WeChat sends back
	Began   int64  `json:"t"`           // Unix time in milliseconds
}

// TripLasts is how long a browser may be away.
const TripLasts = 15 * time.Minute

const (
	tripPurpose = "trip to WeChat"
	maxTrips    = 4    // of a browser, which may have several tabs; the oldest goes
	stateSize   = 16   // bytes of a trip in a frame
	maxTripsLen = 3800 // characters of them all, so that they fit into one cookie
)

// Trips are the sealed trips of a browser, the newest first.
type Trips []string

// with returns the trips with a new one, without those for which there is no room.
func (t Trips) with(sealed string) Trips {
	kept, size := Trips{sealed}, len(sealed)
	for _, other := range t {
		if size += 1 + len(other); len(kept) == maxTrips || size > maxTripsLen {
			break
		}
		kept = append(kept, other)
	}
	return kept
}

// sealTrip seals a trip for a browser.
func (w *Wechat) sealTrip(trip Trip, browser Browser) (string, error) {
	plain, err := json.Marshal(trip)
	if err != nil {
		return "", err
	}
	return seal(w.config.Service.keys.Current(), tripPurpose, browser.own, plain)
}

// again begins a trip in a frame, and returns it with the other trips. Its state depends on nothing but the page, the
// browser's own secret and the time: browsers may load a frame twice at once, and then the answer that comes last has
// the trip of both. So a page takes the room of one trip only, however often it is shown. A state that was used does
// not come again.
func (w *Wechat) again(trips Trips, browser Browser, trip Trip) (Trip, Trips) {
	for turn := 0; ; turn++ {
		mac := hmac.New(sha256.New, browser.own)
		fmt.Fprintf(mac, "%s %d %d %s %s", tripPurpose, w.config.Now().UnixNano()/int64(TripLasts), turn, trip.App,
			trip.Query)
		trip.State = hex.EncodeToString(mac.Sum(nil)[:stateSize])
		found, n := w.find(trips, browser, trip.State)
		switch {
		case n < 0:
			return trip, trips
		case !found.Used:
			return trip, slices.Delete(slices.Clone(trips), n, n+1)
		}
	}
}

// find returns the trip with a state, and its place, or -1. Neither another browser's trip counts, nor one that began
// long ago.
func (w *Wechat) find(trips Trips, browser Browser, state string) (Trip, int) {
	var found Trip
	n := slices.IndexFunc(trips, func(text string) bool {
		found = Trip{}
		plain, err := unseal(w.config.Service.keys.Current(), tripPurpose, browser.own, text)
		return err == nil && json.Unmarshal(plain, &found) == nil && found.State == state &&
			w.config.Now().Sub(time.UnixMilli(found.Began)) < TripLasts
	})
	return found, n
}
