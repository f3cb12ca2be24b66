package browser_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// picture writes a picture of a page, where a flag wants one: with -update, if the gallery in the language of the look
// shows it. On a phone it is of the whole page, and on a desktop of what people see without scrolling.
func picture(t *testing.T, ctx context.Context, look look, page string) {
	t.Helper()
	name := page + "-" + look.name + ".png"
	inGallery := *update && strings.Contains(gallery(t, look.language), "]("+name+")")
	if *shots == "" && !inGallery {
		return
	}
	take := chromedp.CaptureScreenshot()
	if look.width < 400 {
		take = chromedp.FullScreenshot(100)
	}
	taken, err := chromedp.Run(ctx, take)
	require.NoError(t, err, name)
	small := shrunk(t, taken)
	if *shots != "" {
		require.NoError(t, os.WriteFile(filepath.Join(*shots, name), small, 0o600))
	}
	if inGallery {
		require.NoError(t, os.WriteFile(harness.Path("docs/pages/"+name), small, 0o600))
	}
}

// gallery returns the page in a language that shows the pictures. Package docs tests that it shows all pages.
func gallery(t *testing.T, language string) string {
	t.Helper()
	if language == "en" {
		return harness.Document(t, "docs/pages/README.md")
	}
	return harness.Document(t, "docs/pages/README."+language+".md")
}

// maxColors is how many colors a picture has at most, and apart how much two of them differ in red, green or blue. The
// surface of a page differs from its background by 8.
const maxColors, apart = 64, 8

// shrunk returns a PNG image with the most frequent of its colors only, and no two that look alike: most of the others
// are shades at the edges of letters.
func shrunk(t *testing.T, file []byte) []byte {
	t.Helper()
	taken, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	count := map[color.RGBA]int{}
	for y := taken.Bounds().Min.Y; y < taken.Bounds().Max.Y; y++ {
		for x := taken.Bounds().Min.X; x < taken.Bounds().Max.X; x++ {
			count[color.RGBAModel.Convert(taken.At(x, y)).(color.RGBA)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range colors {
		if len(palette) < maxColors && !slices.ContainsFunc(palette, func(p color.Color) bool { return alike(p, c) }) {
			palette = append(palette, c)
		}
	}
	small := image.NewPaletted(taken.Bounds(), palette)
	draw.Draw(small, small.Bounds(), taken, taken.Bounds().Min, draw.Src)
	var written bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&written, small))
	return written.Bytes()
}

// alike reports whether nobody sees a difference between two colors.
func alike(one, other color.Color) bool {
	a, b := one.(color.RGBA), other.(color.RGBA)
	return near(a.R, b.R) && near(a.G, b.G) && near(a.B, b.B)
}

func near(a, b uint8) bool { return max(a, b)-min(a, b) < apart }
