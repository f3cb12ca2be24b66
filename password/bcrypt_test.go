package password

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"
)

// imported returns another program's hash of a password.
func imported(t *testing.T, password string) string {
	t.Helper()
	encoded, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return string(encoded)
}

// TestBcryptVectors uses test vectors of crypt_blowfish.
func TestBcryptVectors(t *testing.T) {
	h := New(Options{})
	for encoded, password := range map[string]string{
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
		"$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
		"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a": "U*U*U",
		"$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy": "somethingelse",
	} {
		require.NoError(t, CheckHash(encoded))
		right, outdated, err := h.Check(t.Context(), Caller{}, encoded, password)
		require.NoError(t, err)
		require.Equal(t, password != "somethingelse", right, encoded)
		require.Equal(t, right, outdated, "the right password allows making a new hash")
		right, outdated, err = h.Check(t.Context(), Caller{}, encoded, password+"x")
		require.NoError(t, err)
		require.False(t, right || outdated)
	}
}

func TestForeignHashesAreOutdated(t *testing.T) {
	h := New(Options{})
	current, err := h.Hash(t.Context(), Caller{}, "correct horse")
	require.NoError(t, err)
	for encoded, want := range map[string]bool{
		current: false, imported(t, "correct horse"): true, "": false,
		hashed{parameters: parameters{memory: 8 << 10, time: 2, threads: 1}, salt: make([]byte, 16),
			hash: argon2id(hashed{
				parameters: parameters{memory: 8 << 10, time: 2, threads: 1}, salt: make([]byte, 16),
			}, "correct horse", 32)}.String(): true,
	} {
		right, outdated, err := h.Check(t.Context(), Caller{}, encoded, "correct horse")
		require.NoError(t, err)
		require.Equal(t, encoded != "", right)
		require.Equal(t, want, outdated, encoded)
		_, outdated, err = h.Check(t.Context(), Caller{}, encoded, "wrong horse")
		require.NoError(t, err)
		require.False(t, outdated, "a wrong password does not allow making a new hash")
	}
}

// TestBcryptReadsSeventyTwoBytes checks that longer passwords match as in the other program, and that none of them is
// taken for the whole password: a hash of it would reject the password that the user chose.
func TestBcryptReadsSeventyTwoBytes(t *testing.T) {
	h := New(Options{})
	start := strings.Repeat("密", 24) // 72 bytes
	encoded := imported(t, start)
	for password, want := range map[string]bool{start: true, start + "x": true, start + start: true,
		start[:69] + "码": false, start[:69]: false} {
		right, outdated, err := h.Check(t.Context(), Caller{}, encoded, password)
		require.NoError(t, err)
		require.Equal(t, want, right, "%d bytes", len(password))
		require.False(t, outdated, "%d bytes", len(password))
	}
}

// TestBcryptOfLessThanSeventyTwoBytesIsRenewed: 71 bytes and the NUL behind them are all that bcrypt reads.
func TestBcryptOfLessThanSeventyTwoBytesIsRenewed(t *testing.T) {
	h := New(Options{})
	composed := strings.Repeat("é", 35) + "e" // 71 bytes, and 106 decomposed
	longer := composed + "ee"                 // 73 bytes, and 108 decomposed
	for name, test := range map[string]struct {
		hashed, typed string
		outdated      bool
	}{
		"71 bytes":                          {strings.Repeat("a", 71), strings.Repeat("a", 71), true},
		"72 bytes":                          {strings.Repeat("a", 72), strings.Repeat("a", 72), false},
		"decomposed, of the composed":       {composed, norm.NFD.String(composed), true},
		"composed, 73 bytes":                {longer[:72], longer, false},
		"decomposed, of the decomposed":     {norm.NFD.String(composed)[:72], norm.NFD.String(composed), false},
		"decomposed, of composed, 73 bytes": {longer[:72], norm.NFD.String(longer), false},
	} {
		t.Run(name, func(t *testing.T) {
			right, outdated, err := h.Check(t.Context(), Caller{}, imported(t, test.hashed), test.typed)
			require.NoError(t, err)
			require.True(t, right)
			require.Equal(t, test.outdated, outdated)
		})
	}
}

// TestBcryptOfUnicodeForms: the other program hashed the password as it was typed, in any Unicode form.
func TestBcryptOfUnicodeForms(t *testing.T) {
	h := New(Options{})
	const password = "crème brûlée"
	for name, test := range map[string]struct {
		hashed, typed string
		right         bool
	}{
		"both composed":             {norm.NFC.String(password), norm.NFC.String(password), true},
		"both decomposed":           {norm.NFD.String(password), norm.NFD.String(password), true},
		"typed on another keyboard": {norm.NFC.String(password), norm.NFD.String(password), true},
		"hashed decomposed":         {norm.NFD.String(password), norm.NFC.String(password), false},
		"another password":          {norm.NFC.String(password), norm.NFD.String(password) + "s", false},
	} {
		t.Run(name, func(t *testing.T) {
			right, _, err := h.Check(t.Context(), Caller{}, imported(t, test.hashed), test.typed)
			require.NoError(t, err)
			require.Equal(t, test.right, right)
		})
	}
}

func TestCheckHashRejects(t *testing.T) {
	const good = "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	require.NoError(t, CheckHash(good))
	require.NoError(t, CheckHash(goodHash))
	for name, bad := range map[string]string{
		"empty": "", "text": "a good password", "DES": "rl.3StKT.4T8M", "MD5": "$1$28772684$iEwNOgGugqO9.bIz5sk8k/",
		"SHA-512": "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJues" +
			"I68OTLiBFdcbYEdFCoEOfaS35inz1",
		"Django's prefix": "bcrypt$" + good, "the faulty version": strings.Replace(good, "$2b", "$2x", 1),
		"the first version": strings.Replace(good, "$2b", "$2", 1),
		"a newer version":   strings.Replace(good, "$2b", "$2c", 1), "another major version": strings.Replace(good,
			"$2b", "$3b", 1),
		"little cost": strings.Replace(good, "$12", "$03", 1), "much cost": strings.Replace(good, "$12", "$15", 1),
		"endless cost": strings.Replace(good, "$12", "$31", 1),
		"no cost":      strings.Replace(good, "$12", "$xx", 1), "a sign": strings.Replace(good, "$12", "$+9", 1),
		"one digit": strings.Replace(good, "$12", "$9$", 1),
		"cut":       good[:59], "longer": good + "y", "a newline": good + "\n", "a space": " " + good[:59],
		"a letter of another alphabet": good[:30] + "+" + good[31:],
		"NUL":                          good[:30] + "\x00" + good[31:], "not ASCII": good[:30] + "é" + good[32:],
		"spare bits": good[:59] + "z", "upper case": strings.ToUpper(good),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, errNotAHash, CheckHash(bad))
			if bad == "" {
				return // a user without password
			}
			right, outdated, err := New(Options{}).Check(t.Context(), Caller{}, bad, "correct horse")
			require.Equal(t, errNotAHash, err)
			require.False(t, right || outdated)
		})
	}
}

// TestBcryptUsesTheSameSlots checks that bcrypt waits for the same slots as argon2id.
func TestBcryptUsesTheSameSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 1})
		h.flood(t, Caller{Network: "a"}, 1)
		encoded := imported(t, "correct horse")
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := h.Check(ctx, Caller{Network: "b"}, encoded, "correct horse")
			left <- err
		}()
		synctest.Wait()
		require.Empty(t, left, "it waits")
		_, _, err := h.Check(t.Context(), Caller{Network: "b"}, encoded, "correct horse")
		require.ErrorIs(t, err, ErrBusy, "the place is taken")
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		h.finish(1)
		h.requireEmpty(t)
	})
}

func FuzzParseBcrypt(f *testing.F) {
	f.Add("$2b$04$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
	f.Add("$2y$14$" + strings.Repeat(".", 53))
	f.Fuzz(func(t *testing.T, encoded string) {
		want, err := parseBcrypt(encoded)
		if err != nil {
			return
		}
		cost, err := bcrypt.Cost([]byte(want))
		require.NoError(t, err)
		require.LessOrEqual(t, cost, maxBcryptCost)
	})
}

func BenchmarkBcrypt(b *testing.B) {
	encoded, err := bcrypt.GenerateFromPassword([]byte("correct horse"), 10)
	require.NoError(b, err)
	for b.Loop() {
		right, _ := bcryptHash(encoded).matches("correct horse", "correct horse")
		require.True(b, right)
	}
}
