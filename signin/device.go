package signin

import (
	"strings"
	"unicode"

	"github.com/mileusna/useragent"
)

const maxDeviceLength = 128

// DeviceLabel returns the printable part of a User-Agent, at most 128 bytes, by which users recognize a device.
func DeviceLabel(userAgent string) string {
	label := strings.ToValidUTF8(userAgent, "")
	label = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, label)
	if len(label) > maxDeviceLength {
		label = strings.ToValidUTF8(label[:maxDeviceLength], "")
	}
	return label
}

// ScreenLabel returns the browser and the operating system of a User-Agent, such as "Chrome, Windows", for people who
// are asked about a screen. It returns the label of [DeviceLabel] if these are unknown.
func ScreenLabel(userAgent string) string {
	label := DeviceLabel(userAgent)
	if agent := useragent.Parse(label); agent.Name != "" && agent.OS != "" {
		return agent.Name + ", " + agent.OS
	}
	return label
}
