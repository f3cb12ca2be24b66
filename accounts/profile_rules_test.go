package accounts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestValidProfiles(t *testing.T) {
	for name, c := range map[string]struct{ given, kept identity.Profile }{
		"nothing": {},
		"all fields": {
			identity.Profile{Name: "李雷", Nickname: "Lei 🌱", Picture: "https://cdn.example.com/a.png?s=1#x",
				Gender: "male", Locale: "zh-CN", Email: "lei@example.com"},
			identity.Profile{Name: "李雷", Nickname: "Lei 🌱", Picture: "https://cdn.example.com/a.png?s=1#x",
				Gender: "male", Locale: "zh-CN", Email: "lei@example.com"},
		},
		"decomposed letters": {identity.Profile{Name: "Jose\u0301"}, identity.Profile{Name: "José"}},
		"surrounding spaces": {identity.Profile{Nickname: " \u3000Han Mei\t"},
			identity.Profile{Nickname: "Han Mei"}},
		"a family in one emoji": {identity.Profile{Nickname: "👨\u200d👩\u200d👧"},
			identity.Profile{Nickname: "👨\u200d👩\u200d👧"}},
		"a flag of a region": {
			identity.Profile{Nickname: "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!"},
			identity.Profile{Nickname: "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!"}},
		"Persian": {identity.Profile{Name: "می\u200cخواهم"}, identity.Profile{Name: "می\u200cخواهم"}},
		"Hindi":   {identity.Profile{Name: "क्\u200dष"}, identity.Profile{Name: "क्\u200dष"}},
		"an emoji with a skin tone": {identity.Profile{Nickname: "🤷🏽\u200d♂\ufe0f"},
			identity.Profile{Nickname: "🤷🏽\u200d♂\ufe0f"}},
		"128 characters, 512 bytes": {identity.Profile{Name: strings.Repeat("😀", 128)},
			identity.Profile{Name: strings.Repeat("😀", 128)}},
		"WeChat's locale": {identity.Profile{Locale: "zh_CN"}, identity.Profile{Locale: "zh-CN"}},
		"another gender":  {identity.Profile{Gender: "non-binary"}, identity.Profile{Gender: "non-binary"}},
	} {
		t.Run(name, func(t *testing.T) {
			kept, err := CheckProfile(c.given)
			require.NoError(t, err)
			require.Equal(t, c.kept, kept)
			again, err := CheckProfile(kept)
			require.NoError(t, err)
			require.Equal(t, kept, again)
		})
	}
}

func TestInvalidProfiles(t *testing.T) {
	megabyte := strings.Repeat("a", 1<<20)
	for name, p := range map[string]identity.Profile{
		"name of 129 characters":            {Name: strings.Repeat("李", 129)},
		"name of 1 MB":                      {Name: megabyte},
		"name of 1 MB that shrinks":         {Name: strings.Repeat(" ", 1<<20)},
		"name that is not UTF-8":            {Name: "a\xff"},
		"name with a line break":            {Name: "a\nb"},
		"name with a NUL":                   {Name: "a\x00b"},
		"name with a line separator":        {Name: "a\u2028b"},
		"name with right-to-left override":  {Name: "moc.\u202eelpmaxe"},
		"nickname with direction isolates":  {Nickname: "\u2066a\u2069"},
		"nickname with a direction mark":    {Nickname: "a\u200f"},
		"nickname with a zero-width space":  {Nickname: "ad\u200bmin"},
		"nickname with a zero-width joiner": {Nickname: "ad\u200dmin"},
		"nickname that ends in a joiner":    {Nickname: "👨\u200d"},
		"nickname with a byte order mark":   {Nickname: "\ufeffadmin"},
		"nickname with a soft hyphen":       {Nickname: "ad\u00admin"},
		"nickname that is a filler":         {Nickname: "\u3164"},
		"nickname with invisible tags":      {Nickname: "a\U000e0041"},
		"nickname with an endless flag":     {Nickname: "🏴\U000e0067\U000e0062"},
		"nickname with two joiners":         {Nickname: "می\u200c\u200cخواهم"},
		"picture without TLS":               {Picture: "http://example.com/a.png"},
		"picture that is a script":          {Picture: "javascript:alert(1)"},
		"picture that is a script, spaced":  {Picture: " javascript:alert(1)"},
		"picture that is data":              {Picture: "data:image/svg+xml,<svg onload=alert(1)>"},
		"picture from a file":               {Picture: "file:///etc/passwd"},
		"picture without host":              {Picture: "https:///a.png"},
		"picture with only a port":          {Picture: "https://:443/a.png"},
		"picture with a relative reference": {Picture: "//example.com/a.png"},
		"picture with a user":               {Picture: "https://bank.example@evil.example/a.png"},
		"picture with user and password":    {Picture: "https://a:b@example.com/a.png"},
		"picture with a backslash":          {Picture: `https://example.com\@evil.example/a.png`},
		"picture with markup":               {Picture: `https://example.com/"><script>`},
		"picture with direction override":   {Picture: "https://example.com/\u202egnp.exe"},
		"picture with a space":              {Picture: "https://example.com/a b.png"},
		"picture with a line break":         {Picture: "https://example.com/a\n"},
		"picture with an invalid escape":    {Picture: "https://exa%mple.com/a"},
		"picture of 513 bytes":              {Picture: "https://example.com/" + strings.Repeat("a", 493)},
		"picture of 1 MB":                   {Picture: "https://example.com/" + megabyte},
		"gender with a capital letter":      {Gender: "Male"},
		"gender with a line break":          {Gender: "male\n"},
		"gender of 33 letters":              {Gender: strings.Repeat("a", 33)},
		"locale that is not a tag":          {Locale: "chinese simplified"},
		"locale of 1 MB":                    {Locale: "zh" + strings.Repeat("-a", 1<<19)},
		"locale with markup":                {Locale: "<b>"},
		"email without at":                  {Email: "example.com"},
		"email with a name":                 {Email: "Lei <lei@example.com>"},
		"two emails":                        {Email: "a@example.com, b@example.com"},
		"email with a header":               {Email: "a@example.com\r\nBcc: b@example.com"},
		"email with right-to-left override": {Email: "\u202ea@example.com"},
		"email of 255 bytes":                {Email: strings.Repeat("a", 243) + "@example.com"},
		"email of 1 MB":                     {Email: megabyte + "@example.com"},
		"address of two lines":              {Address: "1 Long Street\nSpringfield"},
		"address with a direction override": {Address: "\u202e1 Long Street"},
		"address of 201 characters":         {Address: strings.Repeat("路", 201)},
		"address of 1 MB":                   {Address: megabyte},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CheckProfile(p)
			require.ErrorIs(t, err, oauth.InvalidRequest)
			requirePlain(t, err)
		})
	}
}

// requirePlain checks an error against RFC 6749 §5.2: printable ASCII, no double quotes, no backslashes.
func requirePlain(t *testing.T, err error) {
	t.Helper()
	var refusal *oauth.Error
	require.ErrorAs(t, err, &refusal)
	require.Regexp(t, `^[A-Za-z][ !#-\[\]-~]+\.$`, refusal.Description)
}
