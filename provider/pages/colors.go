package pages

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Colors are the colors of the pages by name, as #rrggbb.
type Colors map[string]string

// colorNames are the names of the colors: of the page, of fields and buttons on it, of text, of less important text, of
// borders, of links and the main button, of the text on that button, and of errors.
var colorNames = []string{"background", "surface", "text", "muted", "line", "accent", "accent-text", "error"}

var (
	defaultLight = Colors{"background": "#f6f7f6", "surface": "#ffffff", "text": "#18211d", "muted": "#56625c",
		"line": "#84908a", "accent": "#0d6b4f", "accent-text": "#ffffff", "error": "#b3261e"}
	defaultDark = Colors{"background": "#121614", "surface": "#1b211e", "text": "#e7ece9", "muted": "#a4b0aa",
		"line": "#717d77", "accent": "#62c9a4", "accent-text": "#08251b", "error": "#ff9a8d"}
)

// contrasts are the pairs of colors that are seen on each other, with the least contrast of WCAG 2.1: 4.5 for text
// (§1.4.3), 3 for the borders of fields (§1.4.11).
var contrasts = []struct {
	on, of string
	least  float64
}{
	{"background", "text", 4.5}, {"surface", "text", 4.5}, {"background", "muted", 4.5}, {"surface", "muted", 4.5},
	{"background", "accent", 4.5}, {"surface", "accent", 4.5}, {"accent", "accent-text", 4.5},
	{"background", "error", 4.5}, {"background", "line", 3}, {"surface", "line", 3},
}

// LightColors returns the default colors with changes such as "accent=#0d6b4f,accent-text=#ffffff". It returns an error
// if a text would be hard to read.
func LightColors(changes string) (Colors, error) { return defaultLight.with(changes) }

// DarkColors is LightColors for browsers that prefer dark pages.
func DarkColors(changes string) (Colors, error) { return defaultDark.with(changes) }

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (c Colors) with(changes string) (Colors, error) {
	changed, seen := maps.Clone(c), map[string]bool{}
	for change := range strings.SplitSeq(changes, ",") {
		if change = strings.TrimSpace(change); change == "" {
			continue
		}
		name, color, _ := strings.Cut(change, "=")
		switch {
		case !slices.Contains(colorNames, name) || !hexColor.MatchString(color):
			return nil, errors.New("an entry is not the name of a color and its value, such as accent=#0d6b4f")
		case seen[name]:
			return nil, fmt.Errorf("%s has two values", name)
		}
		changed[name], seen[name] = color, true
	}
	for _, pair := range contrasts {
		if ratio := contrast(changed[pair.on], changed[pair.of]); ratio < pair.least {
			return nil, fmt.Errorf("%s (%s) is hard to see on %s (%s): the contrast is %.1f, and must be at least %.1f",
				pair.of, changed[pair.of], pair.on, changed[pair.on], math.Floor(ratio*10)/10, pair.least)
		}
	}
	return changed, nil
}

// contrast returns the contrast ratio of two colors, 1 to 21 (WCAG 2.1, "contrast ratio").
func contrast(one, other string) float64 {
	darker, lighter := luminance(one), luminance(other)
	if darker > lighter {
		darker, lighter = lighter, darker
	}
	return (lighter + 0.05) / (darker + 0.05)
}

// luminance returns the relative luminance of a color, 0 to 1 (WCAG 2.1, "relative luminance").
func luminance(color string) (sum float64) {
	for n, weight := range []float64{0.2126, 0.7152, 0.0722} {
		byte8, _ := strconv.ParseUint(color[1+2*n:3+2*n], 16, 8)
		channel := float64(byte8) / 255
		if channel <= 0.04045 {
			channel /= 12.92
		} else {
			channel = math.Pow((channel+0.055)/1.055, 2.4)
		}
		sum += weight * channel
	}
	return sum
}

// css returns the colors as properties of the root element.
func (c Colors) css() string {
	var properties strings.Builder
	for _, name := range colorNames {
		fmt.Fprintf(&properties, "--%s:%s;", name, c[name])
	}
	return ":root{" + properties.String() + "}"
}
