package server

import (
	"fmt"

	"github.com/lingpai/lingpai/places"
	"github.com/lingpai/lingpai/server/settings"
)

// ReadPlaces reads the file of places, or returns nil if there is none.
func ReadPlaces(s settings.Settings) (*places.Places, error) {
	if s.ScanPlaces == "" {
		return nil, nil
	}
	read, err := places.Read(s.ScanPlaces)
	if err != nil {
		return nil, fmt.Errorf("browser.scan_places (LINGPAI_BROWSER_SCAN_PLACES): %q: %w", s.ScanPlaces, err)
	}
	return read, nil
}
