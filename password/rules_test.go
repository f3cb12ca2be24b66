package password

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestNormalize(t *testing.T) {
	for name, test := range map[string]struct{ password, want string }{
		"ASCII stays":                           {"correct horse", "correct horse"},
		"case stays":                            {"Correct", "Correct"},
		"full width stays":                      {"ｐａｓｓ", "ｐａｓｓ"},
		"spaces at the ends stay":               {" a ", " a "},
		"decomposed letters are composed":       {"e\u0301", "\u00e9"},
		"Hangul letters become a syllable":      {"\u1112\u1161\u11ab", "한"},
		"an ideographic space is a space":       {"密\u3000码", "密 码"},
		"a no-break space is a space":           {"a\u00a0b", "a b"},
		"emoji":                                 {"🔑🔒", "🔑🔒"},
		"1024 bytes":                            {strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		"256 Hangul syllables, decomposed":      {norm.NFD.String(strings.Repeat("한", 256)), strings.Repeat("한", 256)},
		"a replacement character that was sent": {"\ufffd", "\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Normalize(test.password)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestNormalizeRejects(t *testing.T) {
	for name, test := range map[string]struct{ password, says string }{
		"nothing":                       {"", "not be empty"},
		"1025 bytes":                    {strings.Repeat("a", 1025), "1024 bytes"},
		"a megabyte":                    {strings.Repeat("a", 1<<20), "1024 bytes"},
		"a megabyte of combining marks": {strings.Repeat("\u0301", 1<<19), "1024 bytes"},
		"not UTF-8":                     {"correct \xff horse", "UTF-8"},
		"half a character":              {"密码"[:4], "UTF-8"},
		"a surrogate":                   {"\xed\xa0\x80", "UTF-8"},
		"NUL":                           {"correct\x00horse", "control"},
		"a newline":                     {"correct horse\n", "control"},
		"a C1 control character":        {"correct\u0085horse", "control"},
		"a zero-width space":            {"correct\u200bhorse", "formatting"},
		"a right-to-left override":      {"correct\u202ehorse", "formatting"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Normalize(test.password)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestCheckPolicyCountsCharacters(t *testing.T) {
	for password, allowed := range map[string]bool{
		"": false, "1234567": false, "tr0ub4d": false, "tr0ub4do": true, "密码密码密码密": false, "难记的密码很长吧": true,
		"🔑🔒🔑🔒🔑🔒🔑🔒":               true,
		strings.Repeat("a", 256): true, strings.Repeat("a", 257): false, strings.Repeat("🔑", 256): true,
		strings.Repeat("🔑", 257): false,
		// seven characters after normalization
		norm.NFD.String(strings.Repeat("한", 256)): true, norm.NFD.String("비밀번호하나둘"): false,
		strings.Repeat("\xff", 8): false, "eight\x00chars": false, "eight\u202echars": false,
	} {
		require.Equal(t, allowed, CheckPolicy(password) == nil, "%q", password)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"", "correct horse", "e\u0301", "\u1112\u1161\u11ab", "\xff",
		"a\u00a0b", "\u0344\u0f73"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, password string) {
		once, err := Normalize(password)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(once))
		require.LessOrEqual(t, len(once), maxBytes)
		twice, err := Normalize(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}
