package password

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestParse(t *testing.T) {
	h, err := parse(goodHash)
	require.NoError(t, err)
	require.Equal(t, parameters{memory: 19456, time: 2, threads: 1}, h.parameters)
	require.Equal(t, "somesaltsomesalt", string(h.salt))
	require.Len(t, h.hash, 32)
	require.Equal(t, goodHash, h.String())
}

func TestParseRejects(t *testing.T) {
	for name, change := range map[string][2]string{
		"empty":                      {goodHash, ""},
		"bcrypt":                     {goodHash, "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"},
		"argon2i":                    {"argon2id", "argon2i"},
		"argon2d":                    {"argon2id", "argon2d"},
		"an old version":             {"v=19", "v=16"},
		"no version":                 {"$v=19", ""},
		"another order":              {"m=19456,t=2,p=1", "t=2,m=19456,p=1"},
		"a parameter too many":       {"p=1", "p=1,keyid=x"},
		"a parameter too few":        {",p=1", ""},
		"a leading zero":             {"t=2", "t=02"},
		"a sign":                     {"t=2", "t=+2"},
		"a space":                    {"t=2", "t= 2"},
		"hexadecimal":                {"t=2", "t=0x2"},
		"no number":                  {"t=2", "t="},
		"memory of four terabytes":   {"m=19456", "m=4294967295"},
		"memory that overflows":      {"m=19456", "m=4294986752"},
		"memory just above":          {"m=19456", "m=65537"},
		"too little memory":          {"m=19456", "m=7"},
		"too little for its threads": {"m=19456,t=2,p=1", "m=31,t=2,p=4"},
		"no time":                    {"t=2", "t=0"},
		"much time":                  {"t=2", "t=9"},
		"no threads":                 {"p=1", "p=0"},
		"many threads":               {"p=1", "p=5"},
		"threads that overflow":      {"p=1", "p=257"},
		"negative time":              {"t=2", "t=-1"},
		"padded salt":                {"c2FsdA$", "c2FsdA==$"},
		"a newline in the salt":      {"c29t", "c29\nt"},
		"spare bits in the salt":     {"c2FsdA$", "c2FsdB$"},
		"a URL alphabet":             {"CTFh", "CT-_"},
		"a short salt":               {"c29tZXNhbHRzb21lc2FsdA", "c29tZXM"},
		"a long salt":                {"c29tZXNhbHRzb21lc2FsdA", strings.Repeat("c29t", 22)},
		"no salt":                    {"c29tZXNhbHRzb21lc2FsdA", ""},
		"no hash":                    {"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", ""},
		"a short hash":               {"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXPJO1aFaMa"},
		"a long hash":                {"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", strings.Repeat("CTFh", 22)},
		"something before":           {"$argon2id", "x$argon2id"},
		"something behind":           {"GRPPc", "GRPPc$x"},
		"a newline behind":           {"GRPPc", "GRPPc\n"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(goodHash, change[0], change[1], 1)
			require.NotEqual(t, goodHash, changed)
			_, err := parse(changed)
			require.Equal(t, errNotAHash, err)
		})
	}
}

func TestExpensiveHashes(t *testing.T) {
	const bcrypt = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for encoded, want := range map[string]bool{
		"$2b$10$" + bcrypt: false, "$2b$12$" + bcrypt: false, "$2b$13$" + bcrypt: true, "$2y$14$" + bcrypt: true,
		"$2b$15$" + bcrypt: false, "": false, "$2": false, goodHash: false,
		strings.Replace(goodHash, "m=19456,t=2", "m=65536,t=4", 1): false,
		strings.Replace(goodHash, "m=19456,t=2", "m=65536,t=5", 1): true,
	} {
		require.Equal(t, want, IsExpensive(encoded), encoded)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "$$$$$", goodHash, goodHash + "\n",
		strings.Replace(goodHash, "t=2", "t=02", 1), strings.Replace(goodHash, "m=19456", "m=99999999999", 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		h, err := parse(encoded)
		if err != nil {
			return
		}
		require.Equal(t, encoded, h.String(), "a hash has one encoding")
		require.True(t, h.acceptable())
	})
}
