package archtest_test

// rule lists which of our packages a package may import, and which others it must not import (by prefix). See
// docs/architecture.md.
type rule struct {
	name  string
	may   []string // "*" allows all above
	never []string
}

var (
	databases = []string{"gorm.io/", "modernc.org/", "github.com/jackc/"}
	others    = []string{"github.com/redis/", "github.com/go-oauth2/", "github.com/lestrrat-go/"}
	engines   = join(databases, others)
	pure      = join(engines, []string{"net/http"})
)

// table has the rules of all packages. A package may only import packages above it.
var table = []rule{
	{"internal/pattern", nil, pure},
	{"internal/shares", nil, pure},
	{"internal/serve", nil, engines},
	{"identity", nil, pure},
	{"keys", nil, []string{"gorm.io/", "github.com/redis/", "github.com/go-oauth2/", "net/http"}},
	{"password", nil, pure},
	{"wechat", nil, engines},
	{"wechat/wechattest", nil, engines},
	{"wechat/qq", []string{"wechat"}, engines},
	{"wechat/qq/qqtest", nil, engines},
	{"oauth", []string{"identity"}, engines}, // may import net/http, for the names of status codes
	{"outbound", nil, engines},
	{"limits", []string{"identity", "oauth"}, pure},
	{"idempotency", []string{"identity", "oauth"}, pure},
	{"tokens", []string{"identity", "keys", "oauth"}, pure},
	{"clients", []string{"identity", "keys", "oauth", "outbound", "wechat", "wechat/qq", "internal/pattern"}, engines},
	{"signin", []string{"identity", "password", "wechat", "wechat/qq", "oauth", "limits", "idempotency", "clients"},
		pure},
	{"approval", []string{"identity", "limits", "internal/shares"}, pure},
	{"authorize", []string{"identity", "keys", "oauth", "limits", "tokens", "clients", "signin", "approval"}, pure},
	{"backchannel", []string{"identity", "outbound", "tokens"}, engines},
	{"access", []string{"identity", "oauth", "tokens", "clients"}, engines},
	{"access/wechatdata", []string{"identity", "wechat", "oauth", "limits", "idempotency", "tokens",
		"clients", "signin", "access"}, pure},
	{"grants", []string{"identity", "wechat", "oauth", "idempotency", "tokens", "clients", "signin", "authorize",
		"access", "access/wechatdata"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"pushes", []string{"identity", "oauth", "limits", "wechat"}, pure},
	{"accounts", []string{"identity", "password", "oauth", "limits", "internal/pattern"}, pure},
	{"admin", []string{"identity", "keys", "password", "wechat", "clients", "signin"}, pure},
	{"storage/sql/pgurl", nil, join(others, []string{"gorm.io/", "net/http"})},
	{"storage/sql", []string{"identity", "keys", "storage/sql/pgurl", "internal/pattern"},
		join(others, []string{"net/http"})},
	{"storage/redis", []string{"identity"}, join(databases, others[1:], []string{"net/http"})},
	{"storage/memory", []string{"identity"}, pure},
	{"provider/bounds", []string{"limits", "internal/shares"}, engines},
	{"provider/pages", nil, engines},
	{"provider/browser", []string{"identity", "oauth", "signin", "authorize", "provider/bounds", "provider/pages"},
		engines},
	{"provider", []string{"identity", "oauth", "idempotency", "clients", "authorize", "access", "access/wechatdata",
		"grants", "accounts", "pushes", "provider/bounds", "provider/pages", "provider/browser"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"internal/spelling", nil, pure},
	{"places", nil, pure},
	{"server/settings", []string{"identity", "keys", "wechat", "wechat/qq", "limits", "clients", "storage/sql",
		"storage/sql/pgurl", "storage/redis", "provider/pages", "internal/spelling", "internal/pattern"},
		[]string{"net/http"}},
	{"server/telemetry", []string{"identity", "limits", "backchannel", "grants", "access", "access/wechatdata",
		"provider/bounds"},
		engines},
	{"server", []string{"*"}, nil},
	{"cmd/lingpai/terminal", []string{"identity", "clients", "internal/spelling"}, pure},
	{"cmd/lingpai/doctor", []string{"*"}, nil},
	{"cmd/lingpai/userimport", []string{"identity", "password", "oauth", "clients", "accounts", "admin",
		"cmd/lingpai/terminal", "internal/pattern"}, pure},
	{"cmd/lingpai/simulator", []string{"internal/serve", "wechat/qq", "wechat/qq/qqtest", "wechat/wechattest"},
		engines},
	{"cmd/wechat-simulator", []string{"cmd/lingpai/simulator"}, engines},
	{"cmd/lingpai/dev/devpages", []string{"provider/pages"}, engines},
	{"cmd/lingpai/dev/demo", []string{"provider/pages", "cmd/lingpai/dev/devpages"}, engines},
	{"cmd/lingpai/dev/miniprogram", []string{"provider/pages", "cmd/lingpai/dev/devpages"}, engines},
	{"cmd/lingpai/dev", []string{"*"}, nil},
	{"cmd/lingpai", []string{"*"}, nil},

	// Packages that only tests and benchmarks use.
	{"tokens/refreshtest", nil, pure},
	{"places/placestest", nil, engines},
	{"provider/pages/pagestest", []string{"provider/pages"}, engines},
	{"storage/storagetest", []string{"identity", "keys"}, engines},
	{"storage/dbtest", nil, join(databases[:2], others[1:], []string{"net/http"})},
	{"internal/e2e", nil, engines},
	{"internal/archtest", nil, pure},
	{"bench", []string{"password", "keys", "internal/e2e"}, nil},
	{"test/harness", []string{"internal/e2e", "storage/dbtest"}, engines},
	{"test/sdk", nil, pure},
	{"test/gateways", nil, pure},
	{"test/migrate", nil, pure},
	{"test/browser", nil, pure},
	{"test/libraries", nil, pure},
	{"test/conformance", nil, pure},
	{"deploy", nil, nil},
	{"docs", nil, pure},
	{"docs/examples/sites/go-site", nil, engines},
}

func join(lists ...[]string) (joined []string) {
	for _, list := range lists {
		joined = append(joined, list...)
	}
	return joined
}
