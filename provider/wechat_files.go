package provider

import (
	"slices"

	"github.com/lingpai/lingpai/provider/browser"
)

// wechatFileRoutes returns the routes of the files with which WeChat verifies that the operator has a host. WeChat
// requests them at the root of the host, in the path if an official account is registered for one, or in the last
// folder of a rule for codes. Each file has paths of its own, so that all other names are answered as without files.
func wechatFileRoutes(path string, files map[string][]byte) []route {
	var rows []route
	for _, folder := range slices.Compact([]string{"/", path + "/", path + browser.ScannedPath}) {
		for name, text := range files {
			rows = append(rows, route{"wechat_file", readMethods, folder + name, corsNone, slotNone, 0,
				documentOf(text, textType, noCache)})
		}
	}
	return rows
}
