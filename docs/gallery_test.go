package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages/pagestest"
	"github.com/lingpai/lingpai/test/harness"
)

// galleries are the pages with pictures of all pages that people see, by what the names of their pictures end in.
var galleries = map[string]string{".png": "docs/pages/README.md", ".zh-CN.png": "docs/pages/README.zh-CN.md"}

// The size limits of a picture, and of all of them, in bytes: each change of a page adds them to the history.
const maxPicture, maxPictures = 40 << 10, 3 << 19

// TestGalleryShowsEveryPage compares the names of the pictures with the pages: every sample is shown, in the language
// of the gallery, and every picture is of a page that there is. Package test/browser takes the pictures.
func TestGalleryShowsEveryPage(t *testing.T) {
	known := []string{"dev-front", "demo-called", "dev-scan"}
	for _, sample := range pagestest.Samples(pagestest.English) {
		known = append(known, sample.Name)
	}
	name := regexp.MustCompile(`\]\(([^)]+)-(phone-light|phone-dark|desktop-light)(\.png|\.zh-CN\.png)\)`)
	var shown []string
	for ending, gallery := range galleries {
		var onPhone []string
		for _, picture := range name.FindAllStringSubmatch(harness.Document(t, gallery), -1) {
			page, look := picture[1], picture[2]
			require.Equal(t, ending, picture[3], "%s: %s is in the other language", gallery, page)
			require.Contains(t, known, page, "%s: no page has this name", gallery)
			if look == "phone-light" {
				onPhone = append(onPhone, page)
			}
			shown = append(shown, page+"-"+look+ending)
		}
		require.ElementsMatch(t, known[3:], onPhone, "%s must show each page, once", gallery)
	}
	require.ElementsMatch(t, shown, pictures(t), "go test ./test/browser -run TestPages -update takes those that are "+
		"missing; remove those that no gallery shows")
}

// pictures returns the names of the pictures, after a look at their sizes.
func pictures(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(harness.Path("docs/pages/*.png"))
	require.NoError(t, err)
	total := 0
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(maxPicture), file)
		total += int(info.Size())
		names = append(names, filepath.Base(file))
	}
	require.LessOrEqual(t, total, maxPictures)
	return names
}
