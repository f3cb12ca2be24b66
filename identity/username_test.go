package identity

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// lookAlikes are names, each with one that can be mistaken for it.
var lookAlikes = map[string]string{
	"al\u0131ce":                      "alice",        // dotless i
	"\u0430lice":                      "alice",        // Cyrillic a
	"\u0410LICE":                      "alice",        // Cyrillic capital A
	"\u0430\uff4cice":                 "alice",        // Cyrillic and full width
	"al\u0456ce":                      "alice",        // Ukrainian i
	"b\u03bfb":                        "bob",          // Greek omicron
	"\u0392\u039f\u0392":              "bob",          // Greek capitals
	"b\u0585b":                        "bob",          // Armenian oh
	"b\u0b20b":                        "bob",          // Oriya letter ttha
	"pa\u0443pal":                     "paypal",       // Cyrillic u
	"\u0440\u0430\u0443\u0440\u0430l": "paypal",       // nearly all Cyrillic
	"\u0430\u0440\u0440\u04cf\u0435":  "apple",        // all Cyrillic
	"\u0410\u0420\u0420\u04c0\u0415":  "apple",        // Cyrillic capitals
	"\u0397ello":                      "hello",        // Greek capital eta, whose small letter looks like n
	"\u0397\u0399ll":                  "hill",         // and iota, whose capital looks like l
	"\u04bbello":                      "hello",        // Cyrillic shha, whose capital has no look-alike
	"\u0425\u0410\u0425\u0410":        "xaxa",         // Cyrillic ha
	"\u0441ode":                       "code",         // Cyrillic es
	"\u0455am":                        "sam",          // Cyrillic dze
	"\u0458oe":                        "joe",          // Cyrillic je
	"m\u043edern":                     "modern",       // Cyrillic o
	"m\u043edem":                      "modern",       // and rn like m
	"n1l\u0435":                       "nlle",         // digit and letter, with Cyrillic
	"z\u043e0m":                       "zoom",         // Cyrillic o like 0
	"\u00fear":                        "par",          // thorn
	"\u00e6on":                        "aeon",         // ligature
	"\u0153uvre":                      "oeuvre",       // ligature
	"\u03bdictor":                     "victor",       // Greek nu
	"\u03c1eter":                      "peter",        // Greek rho
	"\u03b1nna":                       "anna",         // Greek alpha
	"d\u0335ave":                      "\u0111ave",    // combining stroke
	"\u56d7\u5929":                    "\u53e3\u5929", // Han: enclosure, mouth
	"\u30ed\u5929":                    "\u53e3\u5929", // Katakana ro, mouth
	"\u30cb\u90ce":                    "\u4e8c\u90ce", // Katakana ni, two
	"\u30cf\u767e":                    "\u516b\u767e", // Katakana ha, eight
	"\u30a8\u85e4":                    "\u5de5\u85e4", // Katakana e, work
	"\u30ab\u5f37":                    "\u529b\u5f37", // Katakana ka, strength
	"\u30bf\u66ae":                    "\u5915\u66ae", // Katakana ta, evening
}

func TestLookAlikes(t *testing.T) {
	for name, like := range lookAlikes {
		fake, err := NewUsername(name)
		require.NoError(t, err, name)
		real, err := NewUsername(like)
		require.NoError(t, err, like)
		require.True(t, fake.Resembles(real), "%+v is like %+v", fake, real)
		require.True(t, real.Resembles(fake))
		require.False(t, fake.Resembles(fake), "a name is not its own look-alike")
	}
}

func TestNamesInASCIIResembleNone(t *testing.T) {
	for name, other := range map[string]string{"modern": "modem", "alice": "al1ce", "bob": "b0b", "Iris": "lris",
		"ａｌｉｃｅ": "al1ce"} {
		a, err := NewUsername(name)
		require.NoError(t, err)
		b, err := NewUsername(other)
		require.NoError(t, err)
		require.Equal(t, a.Skeleton, b.Skeleton)
		require.False(t, a.Resembles(b), name)
	}
}

// TestOrdinaryNames: each is allowed, and resembles none of the others.
func TestOrdinaryNames(t *testing.T) {
	names := []string{
		"alice", "Alice99", "a.b-c_d", "lei@example.com", "o'neil", "李雷", "李雷2024", "leiレイ雷", "欧阳娜娜", "𠮷野",
		"佐々木", "ハナコ", "ー番", "한국kim", "ㄅㄆ李", "josé", "jose", "nguyễn", "Ångström", "Ömer", "łukasz", "lukasz",
		"straße", "иван", "дмитрий", "Ελένη", "สมชาย", "राम", "محمد", "דוד", "გიორგი", "modern", "modem", "口", "日",
	}
	var all []Username
	for _, name := range names {
		n, err := NewUsername(name)
		require.NoError(t, err, name)
		for _, other := range all {
			require.False(t, n.Resembles(other), "%q and %q", name, other.Shown)
		}
		all = append(all, n)
	}
}

// TestCharactersOutsideOfNames: letters of phonetics, mathematics and dead languages, clicks, and signs.
func TestCharactersOutsideOfNames(t *testing.T) {
	for _, name := range []string{"a\u01c0ice", "\u01bfaypal", "\u0251lice", "\u0261eorge", "\u0269ris", "\u1d00lice",
		"a\u0337b", "\U0001d41alice", "\u13aalice", "\ua4ee\ua4e1\ua4f2", "\u2c9flice", "\U00010400lice", "li\u2019l",
		"alice\u2713", "\u2f00\u53e3", "a\ufe0fb", "1\u20e3", "\u200cadmin"} {
		_, err := NewUsername(name)
		require.Error(t, err, name)
	}
}

func TestReservedNames(t *testing.T) {
	for _, name := range []string{"adm\u0131n", "\u0430dmin", "r\u043e\u043et", "R\u039f\u039fT", "s\u0443stem",
		"we\u0441hat", "\u0455upport"} {
		_, err := NewUsername(name)
		require.ErrorContains(t, err, "reserved", name)
		_, err = UsernameOf(name)
		require.NoError(t, err, "a user who has the name keeps it")
	}
	for _, name := range reserved {
		_, err := NewUsername(name)
		require.NoError(t, err, "an operator may have the name itself")
	}
}

// TestSkeletonOfASCII: the skeleton of a name in ASCII does not depend on how it was written.
func TestSkeletonOfASCII(t *testing.T) {
	for _, name := range []string{"Alice", "ALICE", "ａｌｉｃｅ", "ＡlＩce"} {
		n, err := NewUsername(name)
		require.NoError(t, err)
		require.True(t, n.ASCII())
		require.Equal(t, skeleton("alice"), n.Skeleton, name)
	}
}

func TestIdentifierStatus(t *testing.T) {
	require.Contains(t, identifierStatus, "Unicode "+unicode.Version, "as Go's own tables")
	official := parseIdentifierStatus("# IdentifierStatus-15.0.0.txt\n\n0027          ; Allowed    # 1.1  SIGN\n" +
		"4E00..9FFF    ; Allowed    # 1.1  CJK\n20000..2A6DF  ; Allowed\n")
	for r, want := range map[rune]bool{'\'': true, '(': false, '一': true, '\U0002a6df': true, '\U0002a6e0': false} {
		require.Equal(t, want, unicode.Is(official, r), "%U", r)
	}
	require.Panics(t, func() { parseIdentifierStatus("no range") })
}

func FuzzNewUsername(f *testing.F) {
	for name, like := range lookAlikes {
		f.Add(name)
		f.Add(like)
	}
	f.Add("\u0130\u0345\u1e9e")
	f.Fuzz(func(t *testing.T, name string) {
		n, err := NewUsername(name)
		if err != nil {
			return
		}
		require.NotEmpty(t, n.Skeleton)
		require.LessOrEqual(t, len(n.Skeleton), 16*maxUsernameBytes, "an index of PostgreSQL takes 2704 bytes")
		again, err := NewUsername(n.Shown)
		require.NoError(t, err)
		require.Equal(t, n, again)
		if n.ASCII() {
			require.Equal(t, skeleton(n.Key), n.Skeleton)
		}
		require.False(t, strings.ContainsRune(n.Skeleton, 0))
	})
}
