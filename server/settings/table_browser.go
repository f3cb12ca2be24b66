package settings

import (
	"time"

	"github.com/lingpai/lingpai/clients"
)

func browserSettings() []setting {
	return []setting{
		{key: "browser.session_idle", fallback: "168h",
			usage: "a browser in which nobody has signed in to a client for this long asks for the password again, " +
				"1m to 8760h",
			parse: duration(func(c *Settings) *time.Duration { return &c.BrowserIdle }, time.Minute,
				clients.MaxIdleTTL)},
		{key: "browser.session_absolute", fallback: "720h",
			usage: "a browser asks for the password again after this long in any case, 1m to 8760h",
			parse: duration(func(c *Settings) *time.Duration { return &c.BrowserAbsolute }, time.Minute,
				clients.MaxIdleTTL)},
		{key: "browser.wechat_apps", usage: "AppIDs of a website app and an official account with which users can " +
			"sign in in a browser, separated by commas; empty: by password only", parse: parseWechatApps},
		{key: "browser.wechat_frame", fallback: "false",
			usage: "on a computer, the page to sign in shows the code of the website app in a frame, so that WeChat " +
				"learns of everybody who opens it",
			parse: boolean(func(c *Settings) *bool { return &c.WechatFrame })},
		{key: "browser.wechat_quick_login", fallback: "true",
			usage: "WeChat on the same computer may confirm a sign-in with the website app, instead of a scan",
			parse: boolean(func(c *Settings) *bool { return &c.WechatQuickLogin })},
		{key: "browser.wechat_files", usage: "path of a folder with the files with which WeChat verifies this host, " +
			"such as MP_verify_AbC123.txt, at most 20 of at most 1 KiB, read at the start; empty: none",
			parse: parseWechatFiles},
		{key: "browser.scan", fallback: "false",
			usage: "whether a page to sign in on a desktop shows a code that people scan with a phone where they are " +
				"signed in", parse: boolean(func(c *Settings) *bool { return &c.Scan })},
		{key: "browser.scan_number", fallback: "choose",
			usage: "the number on such a page: choose (among three on the phone), show (on the phone as well) or off",
			parse: oneOf(func(c *Settings) *string { return &c.ScanNumber }, "choose", "show", "off")},
		{key: "browser.scan_app", usage: "AppID of a mini-program that such a code opens, as a mini-program code of " +
			"WeChat; empty: the code is an address of this server, which may open one as well",
			parse: func(c *Settings, value string) error { return parseAppID(&c.ScanApp, value) }},
		{key: "browser.scan_link_app", usage: "AppID of a mini-program, not of a person, that a phone's browser " +
			"opens in WeChat to approve there, by a link of WeChat; empty: none",
			parse: func(c *Settings, value string) error { return parseAppID(&c.ScanLinkApp, value) }},
		{key: "browser.scan_page", usage: "page of that mini-program, such as pages/scan/scan; empty: the first one",
			parse: parseScanPage},
		{key: "browser.scan_env_version", fallback: "release",
			usage: "version of that mini-program: release, trial or develop",
			parse: oneOf(func(c *Settings) *string { return &c.ScanVersion }, "release", "trial", "develop")},
		{key: "browser.scan_check_path", fallback: "true",
			usage: "whether WeChat makes codes only for a page in the published version",
			parse: func(c *Settings, value string) error {
				var check bool
				err := boolean(func(*Settings) *bool { return &check })(c, value)
				c.ScanUnpublished = !check
				return err
			}},
		{key: "browser.scan_places", usage: "path of a file with the places of IP addresses, in the format of " +
			"MaxMind, such as GeoLite2-City.mmdb, read at the start, by which the phone says where such a screen " +
			"is; empty: it shows only the address", parse: parseScanPlaces},
	}
}
