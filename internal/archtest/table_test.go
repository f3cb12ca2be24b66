package archtest_test

// rule says what a package may import of ours, and what it must not import of others' (by prefix). See
// docs/architecture.md.
type rule struct {
	name  string
	may   []string // "*" is whatever stands above
	never []string
}

var (
	databases = []string{"gorm.io/", "modernc.org/", "github.com/jackc/"}
	others    = []string{"github.com/redis/", "github.com/go-oauth2/", "github.com/lestrrat-go/"}
	engines   = join(databases, others)
	pure      = join(engines, []string{"net/http"})
)

// table is the law that holds: lowest first, so that no package imports one that stands below itself here.
var table = []rule{
	{"identity", nil, pure},
	{"keys", nil, []string{"gorm.io/", "github.com/redis/", "github.com/go-oauth2/", "net/http"}},
	{"password", nil, pure},
	{"wechat", nil, engines},
	{"wechat/wechattest", nil, engines},
	{"wechat/qq", []string{"wechat"}, engines},
	{"wechat/qq/qqtest", nil, engines},
	{"tokens", []string{"identity", "keys"}, pure},
	{"grants", []string{"identity", "tokens", "wechat", "wechat/qq", "password"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"accounts", []string{"identity", "password"}, pure},
	{"storage/sql", []string{"identity", "keys"}, join(others, []string{"net/http"})},
	{"storage/redis", []string{"identity"}, join(databases, others[1:], []string{"net/http"})},
	{"storage/memory", []string{"identity"}, pure},
	{"provider", []string{"grants", "accounts", "identity"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"cmd/lingpai", []string{"*"}, nil},

	// What only tests and measurements use.
	{"grants/walk", nil, pure},
	{"storage/conformance", []string{"identity", "keys"}, engines},
	{"storage/servers", nil, join(databases[:2], others[1:], []string{"net/http"})},
	{"internal/e2e", nil, engines},
	{"internal/archtest", nil, pure},
	{"bench", []string{"password", "keys", "internal/e2e"}, nil},
	{"test/harness", []string{"internal/e2e", "storage/servers"}, engines},
	{"test/sdk", nil, pure},
	{"test/gateways", nil, pure},
	{"test/migrate", nil, pure},
	{"deploy", nil, nil},
	{"docs", nil, pure},
}

// planned is the law that takes the place of table when the packages are cut as they are to be.
var planned = []rule{
	{"identity", nil, pure},
	{"oauth", nil, join(databases, others[:1], others[2:])},
	{"keys", nil, []string{"gorm.io/", "github.com/redis/", "github.com/go-oauth2/", "net/http"}},
	{"password", nil, pure},
	{"wechat", nil, engines},
	{"wechat/wechattest", nil, engines},
	{"wechat/qq", []string{"wechat"}, engines},
	{"wechat/qq/qqtest", nil, engines},
	{"limits", []string{"identity", "oauth"}, pure},
	{"tokens", []string{"identity", "keys", "oauth"}, pure},
	{"clients", []string{"identity", "oauth", "tokens", "wechat"}, pure},
	{"signin", []string{"identity", "password", "wechat", "wechat/qq", "oauth", "clients", "limits"}, pure},
	{"access", []string{"identity", "tokens", "oauth", "clients", "signin", "wechat", "limits"}, pure},
	{"access/wechatdata", []string{"access", "identity", "tokens", "oauth", "clients", "signin", "wechat", "limits"},
		pure},
	{"authorize", []string{"identity", "tokens", "oauth", "clients", "signin", "limits"}, pure},
	{"grants", []string{"identity", "keys", "password", "wechat", "wechat/qq", "oauth", "limits", "tokens", "clients",
		"signin", "access", "access/wechatdata", "authorize"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"accounts", []string{"identity", "password", "oauth", "signin", "limits"}, pure},
	{"admin", []string{"identity", "keys", "oauth", "clients", "tokens", "limits", "password", "wechat", "signin"}, pure},
	{"storage/sql", []string{"identity", "keys"}, join(others, []string{"net/http"})},
	{"storage/redis", []string{"identity"}, join(databases, others[1:], []string{"net/http"})},
	{"storage/memory", []string{"identity"}, pure},
	{"provider", []string{"identity", "oauth", "limits", "tokens", "clients", "signin", "access", "access/wechatdata",
		"authorize", "grants", "accounts", "admin"},
		[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
	{"server/settings", []string{"identity", "oauth", "keys", "password", "limits"}, nil},
	{"server/telemetry", []string{"identity", "oauth", "keys"}, nil},
	{"server", []string{"*"}, nil},
	{"cmd/lingpai/doctor", []string{"*"}, nil},
	{"cmd/lingpai/userimport", []string{"*"}, nil},
	{"cmd/lingpai", []string{"*"}, nil},

	// What only tests and measurements use.
	{"tokens/refreshtest", nil, pure},
	{"storage/storagetest", []string{"identity", "keys"}, engines},
	{"storage/dbtest", nil, join(databases[:2], others[1:], []string{"net/http"})},
	{"internal/e2e", nil, engines},
	{"internal/archtest", nil, pure},
	{"bench", []string{"password", "keys", "internal/e2e"}, nil},
	{"test/harness", []string{"internal/e2e", "storage/dbtest"}, engines},
	{"test/sdk", nil, pure},
	{"test/gateways", nil, pure},
	{"test/migrate", nil, pure},
	{"deploy", nil, nil},
	{"docs", nil, pure},
}

func join(lists ...[]string) (joined []string) {
	for _, list := range lists {
		joined = append(joined, list...)
	}
	return joined
}
