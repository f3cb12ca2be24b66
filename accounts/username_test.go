package accounts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestAllowedNames(t *testing.T) {
	for _, name := range []string{
		"alice", "Alice", "alice99", "a.b-c_d", "lei@example.com", "李雷", "李雷2024", "leiレイ雷", "한국kim", "ㄅㄆ李", "josé",
		"Jose\u0301", "ｌｅｉ",
		"12345678", "1", "Ｌｅｉ", "nguyễn", "дмитрий", "дмитрий-2", "Ελένη", "გიორგი", "สมชาย", "راشد",
	} {
		require.NoError(t, checkUsername(name), name)
	}
}

func TestNamesOfSeveralScripts(t *testing.T) {
	for attack, name := range map[string]string{
		"a Cyrillic letter within":       "\u0430lice",
		"a Cyrillic capital":             "\u0410LICE",
		"Cyrillic and full width":        "\u0430ｌｉｃｅ",
		"a Greek letter within":          "b\u03bfb",
		"a Cherokee letter within":       "\u13aalice",
		"an Armenian letter within":      "\u0585livia",
		"a Bengali digit":                "bob\u09ea",
		"Cyrillic and Greek":             "дмитри\u03bf",
		"Cyrillic within Chinese":        "李\u0430",
		"a Lisu word of look-alikes":     "\ua4ee\ua4e1\ua4f2\ua4da\ua4f0",
		"a Cherokee word of look-alikes": "\u13aa\u13de\u13c6\u13df\u13ac",
		"a phonetic letter":              "\u0251lice",
		"a click":                        "a\u01c0ice",
		"a dead letter":                  "\u01bfaypal",
		"a reserved name":                "adm\u0131n",
		"a line below":                   "a\u0332lice",
	} {
		err := checkUsername(name)
		require.ErrorIs(t, err, oauth.InvalidRequest, attack)
		requirePlain(t, err)
	}
}

func TestInvalidNames(t *testing.T) {
	for what, name := range map[string]string{
		"empty": "", "spaces": "a b", "a zero-width space": "ad\u200bmin", "right-to-left override": "\u202eadmin",
		"not UTF-8": "a\xff", "129 bytes": strings.Repeat("a", 129),
		"1 MB": strings.Repeat("a", 1<<20), "an id": "u_0123456789", "an id in capitals": "U_0123456789",
		"a line break": "alice\n",
	} {
		err := checkUsername(name)
		require.ErrorIs(t, err, oauth.InvalidRequest, what)
		requirePlain(t, err)
	}
}

// TestReservedNamesAreForOperators: a user called admin could pass for one.
func TestReservedNamesAreForOperators(t *testing.T) {
	for _, name := range []string{"admin", "Admin", "ROOT", "support", "weixin"} {
		require.ErrorContains(t, checkUsername(name), "reserved", name)
		_, err := identity.NewUsername(name)
		require.NoError(t, err, "an operator may give %s to a user", name)
	}
	for _, name := range []string{"admins", "rooty", "alice"} {
		require.NoError(t, checkUsername(name), name)
	}
}
