package wechattest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// patience is how long a test waits for an answer that must come.
const patience = time.Minute

// try logs in when there may be no answer. It returns the number of bytes that were read.
func (w *env) try(code string, wait time.Duration) (read int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/sns/jscode2session?appid="+appID+
		"&secret="+secret+"&grant_type=authorization_code&js_code="+code, nil)
	require.NoError(w.t, err)
	request.Header.Set("Accept-Encoding", "identity")
	request.Close = true // so that net/http sends nothing twice
	response, err := w.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
}

func TestFaultsConsumeTheCodeOrNot(t *testing.T) {
	for name, test := range map[string]struct {
		fault    wechattest.Fault
		consumes bool
	}{
		"dropped before":     {wechattest.Fault{Drop: true}, false},
		"dropped after":      {wechattest.Fault{Drop: true, Consume: true}, true},
		"errcode":            {wechattest.Fault{Errcode: -1}, false},
		"errcode after":      {wechattest.Fault{Errcode: -1, Consume: true}, true},
		"status":             {wechattest.Fault{Status: 500}, false},
		"HTML":               {wechattest.Fault{Body: "html"}, false},
		"truncated":          {wechattest.Fault{Body: "truncated"}, true},
		"cut":                {wechattest.Fault{Body: "cut"}, true},
		"empty openid":       {wechattest.Fault{Body: "empty_openid"}, true},
		"late":               {wechattest.Fault{DelayMS: 10}, true},
		"too late":           {wechattest.Fault{DelayMS: 60_000}, false},
		"too late, consumed": {wechattest.Fault{DelayMS: 60_000, Consume: true}, true},
		"redirect":           {wechattest.Fault{Redirect: "https://example.com/"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			code := w.Code(appID, "ada")
			w.Fault(test.fault)
			wait := patience
			if test.fault.DelayMS > 1000 {
				wait = 2 * time.Second
			}
			_, _ = w.try(code, wait)
			if test.consumes {
				require.Equal(t, 40163, w.logIn(code).errcode())
				return
			}
			require.Zero(t, w.logIn(code).errcode())
			require.Equal(t, 2, w.Requests().Codes[code])
		})
	}
}

func TestFaultsHaveTheirForm(t *testing.T) {
	w := start(t)
	strike := func(fault wechattest.Fault) reply {
		w.Fault(fault)
		return w.logIn(w.Code(appID, "ada"))
	}
	require.Equal(t, 40013, strike(wechattest.Fault{Errcode: 40013}).errcode())
	require.Contains(t, strike(wechattest.Fault{Errcode: 40013, Errmsg: "my text"}).textOf("errmsg"), "my text, rid: ")
	require.Equal(t, 502, strike(wechattest.Fault{Status: 502}).status)
	require.Equal(t, "text/html; charset=utf-8", strike(wechattest.Fault{Body: "html"}).contentType)
	require.Empty(t, strike(wechattest.Fault{Body: "empty"}).text)
	require.Nil(t, strike(wechattest.Fault{Body: "truncated"}).members)
	require.Empty(t, strike(wechattest.Fault{Body: "empty_openid"}).textOf("openid"))
	require.Equal(t, "hello", strike(wechattest.Fault{Text: "hello"}).text)
	require.Equal(t, http.StatusFound, strike(wechattest.Fault{Redirect: "https://example.com/"}).status)
	typed := strike(wechattest.Fault{ContentType: "image/png"})
	require.Equal(t, "image/png", typed.contentType)
	require.NotEmpty(t, typed.textOf("openid"))
	require.NotEmpty(t, strike(wechattest.Fault{Body: "trickle", DelayMS: 1}).textOf("openid"))

	for body, size := range map[string]int64{"huge": 1 << 20, "gzip": 4 << 10} {
		w.Fault(wechattest.Fault{Body: body})
		read, err := w.try(w.Code(appID, "ada"), patience)
		require.NoError(t, err)
		require.GreaterOrEqual(t, read, size, body)
	}
	w.Fault(wechattest.Fault{Body: "cut"})
	_, err := w.try(w.Code(appID, "ada"), patience)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	w.Fault(wechattest.Fault{Drop: true})
	_, err = w.try("x", patience)
	require.ErrorIs(t, err, io.EOF)
}

func TestFaultsAreAppliedInOrderToTheirPath(t *testing.T) {
	w := start(t)
	w.Fault(
		wechattest.Fault{Errcode: 45009, Path: "/cgi-bin/token"},
		wechattest.Fault{Errcode: -1, Count: 2},
		wechattest.Fault{Errcode: 45011},
	)
	for _, errcode := range []int{-1, -1, 45011, 40029} {
		require.Equal(t, errcode, w.logIn("x").errcode())
	}
	require.Equal(t, 45009, w.classicToken().errcode())
	require.Zero(t, w.classicToken().errcode())
}
