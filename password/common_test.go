package password

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCommonPasswordsAreSorted(t *testing.T) {
	list := commonPasswords()
	require.Equal(t, strings.Join(list, "\n")+"\n", commonText, "one per line, no spaces")
	require.True(t, slices.IsSorted(list), "LC_ALL=C sort -u")
	require.Len(t, slices.Compact(slices.Clone(list)), len(list))
	require.Greater(t, len(list), 2000)
	require.Less(t, len(commonText), 128<<10)
	for _, password := range list {
		require.GreaterOrEqual(t, utf8.RuneCountInString(password), minCodePoints,
			"%q is too short to be allowed anyway", password)
		require.Equal(t, password, fold(password))
		normalized, err := Normalize(password)
		require.NoError(t, err, "%q is not allowed anyway", password)
		require.True(t, isCommon(normalized), "%q", password)
	}
}

func TestCheckPolicyRejectsCommonPasswords(t *testing.T) {
	for _, password := range []string{
		"password", "Password", "PASSWORD1", "Passw0rd", "P@ssw0rd", "ｐａｓｓｗｏｒｄ", "12345678", "１２３４５６７８",
		"123456789", "1234567890", "87654321",
		"11111111", "88888888", "00000000", "qwertyuiop", "Qwerty123", "1qaz2wsx", "1q2w3e4r", "asdfghjkl",
		"zxcvbnm123", "iloveyou", "sunshine",
		"football", "baseball", "princess", "trustno1", "letmein123", "admin123", "Admin@123", "welcome1",
		"abc12345", "a1234567", "Aa123456", "qq123456",
		"woaini1314", "WoAiNi1314", "woaini520", "5201314520", "52013140", "13145200", "7758521a", "woaini123",
		"wang123456", "li5201314", "zhang123",
		"password123", "michael1", "19901990", "147258369", "123qweasd", "contraseña", "我爱你5201314",
	} {
		require.ErrorContains(t, CheckPolicy(password), "too common", password)
	}
	for _, password := range []string{"a good password", "correct horse battery staple", "password of mine",
		"woaini, not you", "vK8#qz!mPw", "  spaces around  "} {
		require.NoError(t, CheckPolicy(password), password)
	}
	require.NotContains(t, CheckPolicy("password").Error(), `"password"`, "the error does not contain the password")
}

func BenchmarkCheckPolicy(b *testing.B) {
	for b.Loop() {
		require.NoError(b, CheckPolicy("correct horse battery staple"))
	}
}
