package accounts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

func TestNamesThatMayBeChosen(t *testing.T) {
	for _, name := range []string{
		"alice", "Alice", "alice99", "a.b-c_d", "lei@example.com", "李雷", "李雷2024", "leiレイ雷", "한국kim", "ㄅㄆ李", "josé",
		"Jose\u0301", "ｌｅｉ",
		"12345678", "1", "Ｌｅｉ",
	} {
		require.NoError(t, checkUsername(name), name)
	}
}

func TestNamesThatLookLikeAnother(t *testing.T) {
	for attack, name := range map[string]string{
		"a Cyrillic letter within":        "\u0430lice",
		"the same in capitals":            "\u0410LICE",
		"the same behind full width":      "\u0430ｌｉｃｅ",
		"a Greek letter within":           "b\u03bfb",
		"a Cherokee letter within":        "\u13aalice",
		"an Armenian letter within":       "\u0585livia",
		"a Bengali digit that looks like": "bob\u09ea",
		"Cyrillic and Greek":              "дмитри\u03bf",
		"Cyrillic within Chinese":         "李\u0430",
		"a Cyrillic word of twins":        "\u0412\u041e\u0412",
		"a Greek word of twins":           "\u0391\u039d\u039d\u0391",
		"a Lisu word of twins":            "\ua4ee\ua4e1\ua4f2\ua4da\ua4f0",
		"a Cherokee word of twins":        "\u13aa\u13de\u13c6\u13df\u13ac",
		"a phonetic letter":               "\u0251lice",
		"a letter with a dot above":       "admi\u1e45",
		"a line below":                    "a\u0332lice",
		"nothing but Cyrillic twins":      "\u0430\u0440\u0440\u04cf\u0435",
		"twins and a digit":               "\u0430\u0440\u0440\u04cf\u04351",
		"twins behind capitals":           "\u0410\u0420\u0420\u04c0\u0415",
	} {
		err := checkUsername(name)
		require.ErrorIs(t, err, oauth.InvalidRequest, attack)
		requirePlain(t, err)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	for what, name := range map[string]string{
		"nothing": "", "spaces": "a b", "a zero-width space": "ad\u200bmin", "turned round": "\u202eadmin",
		"not UTF-8": "a\xff", "129 bytes": strings.Repeat("a", 129),
		"1 MB": strings.Repeat("a", 1<<20), "an id": "u_0123456789", "an id in capitals": "U_0123456789",
		"a line end": "alice\n",
	} {
		err := checkUsername(name)
		require.ErrorIs(t, err, oauth.InvalidRequest, what)
		requirePlain(t, err)
	}
}
