package pages_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages"
)

// TestWordsForOwnScopes: the operator knows what the scopes of the APIs mean.
func TestWordsForOwnScopes(t *testing.T) {
	t.Parallel()
	theme := newTheme(t)
	var err error
	theme.Scopes, err = pages.ParseScopeWords([]byte(`{"orders.read": {"zh-CN": "查看你的订单",
		"en": "See <your> orders"}}`))
	require.NoError(t, err)
	p := newPages(t, theme)
	consent := pages.Consent{Scopes: []string{"openid", "orders.read", "orders.write"}}
	for lang, want := range map[string][]string{
		"en":    {"Recognize your account", "See <your> orders", "Use the permission orders.write"},
		"zh-CN": {"识别你的账号", "查看你的订单", "使用权限 orders.write"},
	} {
		for n, node := range elements(parsed(t, render(p, lang, consent)), "li") {
			require.Equal(t, want[n], textOf(node))
		}
	}
}

func TestBadScopeWords(t *testing.T) {
	t.Parallel()
	long := `{"a": {"zh-CN": "` + strings.Repeat("字", 81) + `", "en": "A"}}`
	for name, file := range map[string]string{
		"no JSON": "orders.read: x", "a list": "[]", "a text": `{"a": "b"}`, "one language": `{"a": {"en": "A"}}`,
		"another language": `{"a": {"en": "A", "de": "A"}}`,
		"a third language": `{"a": {"en": "A", "zh-CN": "甲", "de": "A"}}`,
		"empty":            `{"a": {"en": "A", "zh-CN": ""}}`, "too long": long,

		"a control character":    `{"a": {"en": "A\n", "zh-CN": "甲"}}`,
		"reversed":               `{"a": {"en": "\u202eA", "zh-CN": "甲"}}`,
		"a scope of this server": `{"openid": {"en": "A", "zh-CN": "甲"}}`,
		"too large":              "{}" + strings.Repeat(" ", pages.MaxScopeWords),
	} {
		_, err := pages.ParseScopeWords([]byte(file))
		require.Error(t, err, name)
	}
}
