package signin

import (
	"strings"
	"unicode"
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
