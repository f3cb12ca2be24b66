package wechat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example that WeChat's document publishes: requests and keys, and what they contain.
// https://developers.weixin.qq.com/doc/oplatform/developers/dev/push/encryption.html
var (
	publishedKeys = PushKeys{"AAAAA", Secret(strings.Repeat("A", 43))}

	publishedVerification = PushQuery{Signature: "f464b24fc39322e44b38aa78f5edd27bd1441696", Timestamp: "1714036504",
		Nonce: "1514711492", Echo: "4375120948345356249"}
	publishedPlain = PushQuery{Signature: "899cf89e464efb63f54ddac96b0a0a235f53aa78", Timestamp: "1714037059",
		Nonce: "486452656"}
	publishedSealed = PushQuery{Signature: "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
		MsgSignature: "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", Timestamp: "1714112445", Nonce: "415670741"}
)

const (
	publishedApp       = "wxba5fad812f8e6fb9"
	publishedPlainBody = `{"ToUserName": "gh_97417a04a28d", "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
		"CreateTime": 1714037059, "MsgType": "event", "Event": "debug_demo", "debug_str": "hello world"}`
	publishedBody = `{"ToUserName": "gh_97417a04a28d", "Encrypt": "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/` +
		`ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7Ggia` +
		`viNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb` +
		`6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="}`
)

func TestPublishedPushes(t *testing.T) {
	require.True(t, publishedKeys.Verifies(publishedVerification))
	push, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, false, publishedSealed, []byte(publishedBody))
	require.NoError(t, err)
	require.Equal(t, Push{MsgType: "event", Event: "debug_demo", CreateTime: "1714112445"}, push)
	push, err = OpenPush(publishedApp, []PushKeys{publishedKeys}, true, publishedPlain, []byte(publishedPlainBody))
	require.NoError(t, err)
	require.Equal(t, Push{MsgType: "event", Event: "debug_demo", CreateTime: "1714037059"}, push)
}

// The sample program that WeChat offers for download has an example in XML, in the compatible mode.
// https://wximg.gtimg.com/shake_tv/mpwiki/cryptoDemo.zip
func TestPublishedPushInXML(t *testing.T) {
	keys := PushKeys{"spamtest", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}
	query := PushQuery{MsgSignature: "5d197aaffba7e9b25a30732f161a50dee96bd5fa", Timestamp: "1409735669",
		Nonce: "1320562132"}
	body := `<xml><ToUserName><![CDATA[gh_10f6c3c3ac5a]]></ToUserName>
<FromUserName><![CDATA[oyORnuP8q7ou2gfYjqLzSIWZf0rs]]></FromUserName><CreateTime>1409735668</CreateTime>
<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[abcdteT]]></Content><MsgId>6054768590064713728</MsgId>
<Encrypt><![CDATA[` + "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PG" +
		"HQHFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8d" +
		"KOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HT" +
		"nifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCz" +
		"pu9GhglF2PE=" + `]]></Encrypt></xml>`
	push, err := OpenPush("wx2c2769f8efd9abc2", []PushKeys{keys}, false, query, []byte(body))
	require.NoError(t, err)
	require.Equal(t, Push{MsgType: "text", CreateTime: "1409735668"}, push)
}

// sealPush seals a message as the document describes it, with a padding that tests may break.
func sealPush(message []byte, appID string, padding func([]byte) []byte) string {
	plain := append(bytes.Repeat([]byte{'r'}, 16), binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	return encryptPush(padding(append(append(plain, message...), appID...)))
}

func encryptPush(plain []byte) string {
	key, _ := base64.StdEncoding.DecodeString(publishedKeys.EncodingAESKey.Reveal() + "=")
	block, _ := aes.NewCipher(key)
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

func rightPadding(plain []byte) []byte {
	size := 32 - len(plain)%32
	return append(plain, bytes.Repeat([]byte{byte(size)}, size)...)
}

// signPush signs a query by the published keys.
func signPush(texts ...string) string {
	texts = append(texts, publishedKeys.Token.Reveal())
	slices.Sort(texts)
	digest := sha1.Sum([]byte(strings.Join(texts, "")))
	return hex.EncodeToString(digest[:])
}

func sealedRequest(encrypted string) (PushQuery, []byte) {
	return PushQuery{Timestamp: "1", Nonce: "2", Signature: signPush("1", "2"),
		MsgSignature: signPush("1", "2", encrypted)}, fmt.Appendf(nil, `{"ToUserName":"gh_1","Encrypt":%q}`, encrypted)
}

const revocation = `{"ToUserName":"gh_1","FromUserName":"o1","CreateTime":1627359464,"MsgType":"event",` +
	`"Event":"user_authorization_revoke","OpenID":"o-2","AppID":"wxba5fad812f8e6fb9","RevokeInfo":"8"}`

const revocationXML = `<xml>
<ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>
<CreateTime>1627359464</CreateTime><MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_authorization_revoke]]></Event><OpenID><![CDATA[o-2]]></OpenID>
<AppID><![CDATA[wxba5fad812f8e6fb9]]></AppID><RevokeInfo><![CDATA[8]]></RevokeInfo></xml>`

func TestPushesInBothFormats(t *testing.T) {
	for _, message := range []string{revocation, revocationXML} {
		query, body := sealedRequest(sealPush([]byte(message), publishedApp, rightPadding))
		inXML := fmt.Appendf(nil, "<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>",
			sealPush([]byte(message), publishedApp, rightPadding))
		other := PushKeys{"another", "another"}
		for _, body := range [][]byte{body, inXML} {
			for _, keys := range [][]PushKeys{{publishedKeys}, {other, publishedKeys}, {{}, publishedKeys}} {
				push, err := OpenPush(publishedApp, keys, false, query, body)
				require.NoError(t, err)
				require.Equal(t, Push{"event", "user_authorization_revoke", "o-2", "1627359464", "8"}, push)
			}
			_, err := OpenPush(publishedApp, []PushKeys{other}, false, query, body)
			require.Equal(t, ErrBadPush, err)
		}
	}
}

// TestForgedPushes: whatever is wrong, there is one error.
func TestForgedPushes(t *testing.T) {
	sealed := sealPush([]byte(revocation), publishedApp, rightPadding)
	query, body := sealedRequest(sealed)
	changed := func(change func(*PushQuery)) PushQuery {
		query := query
		change(&query)
		return query
	}
	twice := bytes.Replace(body, []byte("{"), fmt.Appendf(nil, `{"Encrypt":%q,`, sealed), 1)
	other := bytes.Replace(body, []byte(sealed[:8]), []byte("AAAAAAAA"), 1)
	emptyPart := []byte(strings.Replace(revocation, "{", `{"Encrypt":"",`, 1))
	upper := strings.ToUpper(query.MsgSignature)
	for name, forged := range map[string]struct {
		query PushQuery
		body  []byte
	}{
		"no signature":             {PushQuery{Timestamp: "1", Nonce: "2"}, body},
		"a wrong signature":        {changed(func(q *PushQuery) { q.MsgSignature = strings.Repeat("0", 40) }), body},
		"in upper case":            {changed(func(q *PushQuery) { q.MsgSignature = upper }), body},
		"the signature of the URL": {changed(func(q *PushQuery) { q.MsgSignature = q.Signature }), body},
		"another time":             {changed(func(q *PushQuery) { q.Timestamp = "11" }), body},
		"another nonce":            {changed(func(q *PushQuery) { q.Nonce = "22" }), body},
		"a long nonce":             {changed(func(q *PushQuery) { q.Nonce = strings.Repeat("2", 513) }), body},
		"in clear":                 {query, []byte(revocation)},
		"an empty encrypted part":  {query, emptyPart},
		"another encrypted part":   {query, other},
		"two encrypted parts":      {query, twice},
		"no body":                  {query, nil},
		"half a body":              {query, body[:len(body)/2]},
		"something after it":       {query, append(slices.Clone(body), "{}"...)},
		"not UTF-8":                {query, append(slices.Clone(body), 0xff)},
		"an array":                 {query, []byte("[" + string(body) + "]")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, false, forged.query, forged.body)
			require.Equal(t, ErrBadPush, err)
		})
	}
}

// TestBrokenSeals: even with a right signature, there is one error for whatever is wrong within.
func TestBrokenSeals(t *testing.T) {
	message := []byte(revocation)
	sealed := sealPush(message, publishedApp, rightPadding)
	padded := func(pad func(plain []byte) []byte) string { return sealPush(message, publishedApp, pad) }
	aboutAnother := bytes.Replace(message, []byte(publishedApp), []byte("wx0123456789abcdef"), 1)
	longer := append(bytes.Repeat([]byte{'r'}, 16), 0xff, 0xff, 0xff, 0xff)
	for name, encrypted := range map[string]string{
		"for another app":      sealPush(message, "wx0123456789abcdef", rightPadding),
		"for no app":           sealPush(message, "", rightPadding),
		"for the app's prefix": sealPush(message, publishedApp[:17], rightPadding),
		"about another app":    sealPush(aboutAnother, publishedApp, rightPadding),
		"padding of zeros":     padded(func(p []byte) []byte { return append(p, make([]byte, 32-len(p)%32)...) }),
		"padding that is too long": padded(func(p []byte) []byte {
			return append(p, bytes.Repeat([]byte{64}, 32-len(p)%32+32)...)
		}),
		"padding that differs": padded(func(p []byte) []byte {
			p = rightPadding(p)
			p[len(p)-2]++
			return p
		}),
		"nothing but padding":     encryptPush(bytes.Repeat([]byte{32}, 32)),
		"a length beyond its end": encryptPush(rightPadding(append(longer, message...))),
		"cut off":                 sealed[:len(sealed)/8*4],
		"not a whole block":       base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"not Base64":              "***",
		"a newline":               sealed + "\n",
		"not JSON":                sealPush([]byte("text"), publishedApp, rightPadding),
		"no message":              sealPush(nil, publishedApp, rightPadding),
		"an encrypted message":    sealPush([]byte("[]"), publishedApp, rightPadding),
	} {
		t.Run(name, func(t *testing.T) {
			query, body := sealedRequest(encrypted)
			_, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, true, query, body)
			require.Equal(t, ErrBadPush, err)
		})
	}
}

// TestClearBesideSealed: in the compatible mode the part in clear could say anything.
func TestClearBesideSealed(t *testing.T) {
	encrypted := sealPush([]byte(revocation), publishedApp, rightPadding)
	query, _ := sealedRequest(encrypted)
	body := fmt.Appendf(nil, `{"MsgType":"event","Event":"user_authorization_cancellation","OpenID":"victim",
		"CreateTime":1,"Encrypt":%q}`, encrypted)
	for _, inClear := range []bool{false, true} {
		push, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, inClear, query, body)
		require.NoError(t, err)
		require.Equal(t, "o-2", push.OpenID)
		require.Equal(t, "user_authorization_revoke", push.Event)
	}
	query.MsgSignature = ""
	_, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, true, query, body)
	require.Equal(t, ErrBadPush, err)
}

// TestXMLTricks: entities, document types and other ways to make readers differ are refused, at once.
func TestXMLTricks(t *testing.T) {
	inner := strings.TrimSuffix(strings.TrimPrefix(revocationXML, "<xml>"), "</xml>")
	for name, body := range map[string]string{
		"a document type":      `<!DOCTYPE xml [<!ENTITY e "o-2">]>` + revocationXML,
		"an external entity":   `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml>&e;</xml>`,
		"entities of entities": `<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml>&b;</xml>`,
		"an unknown entity":    strings.Replace(revocationXML, "<![CDATA[o-2]]>", "&victim;", 1),
		"a parameter entity":   `<!DOCTYPE xml SYSTEM "http://127.0.0.1/a.dtd">` + revocationXML,
		"a stylesheet":         `<?xml-stylesheet href="http://127.0.0.1/"?>` + revocationXML,
		"another encoding":     `<?xml version="1.0" encoding="UTF-7"?>` + revocationXML,
		"two OpenIDs":          "<xml><OpenID>victim</OpenID>" + inner + "</xml>",
		"two documents":        revocationXML + revocationXML,
		"text after it":        revocationXML + "text",
		"another element":      "<json>" + inner + "</json>",
		"no end":               "<xml>" + inner,
		"deep":                 "<xml>" + strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000) + "</xml>",
	} {
		t.Run(name, func(t *testing.T) {
			query, sealed := sealedRequest(sealPush([]byte(body), publishedApp, rightPadding))
			_, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, false, query, sealed)
			require.Equal(t, ErrBadPush, err)
			_, err = OpenPush(publishedApp, []PushKeys{publishedKeys}, true, query, []byte(body))
			require.Equal(t, ErrBadPush, err)
		})
	}
	nested := strings.Replace(revocationXML, "</xml>", "<List><OpenID>victim</OpenID></List></xml>", 1)
	push, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, true,
		PushQuery{Timestamp: "1", Nonce: "2", Signature: signPush("1", "2")}, []byte(`<?xml version="1.0"?>`+nested))
	require.NoError(t, err)
	require.Equal(t, "o-2", push.OpenID)
}

func TestVerifications(t *testing.T) {
	require.False(t, PushKeys{}.Verifies(publishedVerification))
	require.False(t, PushKeys{Token: "AAAAB"}.Verifies(publishedVerification))
	for _, change := range []func(*PushQuery){
		func(q *PushQuery) { q.Echo = "" },
		func(q *PushQuery) { q.Echo = strings.Repeat("1", 513) },
		func(q *PushQuery) { q.Signature = "" },
		func(q *PushQuery) { q.Nonce += "1" },
	} {
		query := publishedVerification
		change(&query)
		require.False(t, publishedKeys.Verifies(query))
	}
	// without a Token everybody could sign
	digest := sha1.Sum([]byte("12"))
	require.False(t, PushKeys{}.Verifies(PushQuery{Timestamp: "1", Nonce: "2", Echo: "3",
		Signature: hex.EncodeToString(digest[:])}))
}

func TestNewPushKeys(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		keys := NewPushKeys()
		require.Regexp(t, "^[A-Za-z0-9]{32}$", keys.Token.Reveal())
		require.Regexp(t, "^[A-Za-z0-9]{43}$", keys.EncodingAESKey.Reveal())
		key, err := base64.StdEncoding.DecodeString(keys.EncodingAESKey.Reveal() + "=")
		require.NoError(t, err)
		require.Len(t, key, 32)
		require.False(t, seen[keys.Token.Reveal()])
		seen[keys.Token.Reveal()] = true
		require.NotContains(t, fmt.Sprintf("%v %+v %q", keys, keys, keys), keys.Token.Reveal())
	}
}

func FuzzOpenPush(f *testing.F) {
	f.Add([]byte(revocation))
	f.Add([]byte(revocationXML))
	f.Add([]byte(publishedBody))
	query := PushQuery{Timestamp: "1", Nonce: "2", Signature: signPush("1", "2")}
	f.Fuzz(func(t *testing.T, message []byte) {
		sealed, body := sealedRequest(sealPush(message, publishedApp, rightPadding))
		within, err := OpenPush(publishedApp, []PushKeys{publishedKeys}, false, sealed, body)
		clear, err2 := OpenPush(publishedApp, []PushKeys{publishedKeys}, true, query, message)
		if !bytes.Contains(message, []byte("Encrypt")) {
			require.Equal(t, err, err2)
			require.Equal(t, within, clear)
		}
	})
}
