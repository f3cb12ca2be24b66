package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
)

func TestClocksMayBeALittleApart(t *testing.T) {
	for _, test := range []struct {
		ahead  time.Duration
		status string
	}{
		{0, StatusOK}, {5 * time.Second, StatusOK}, {-5 * time.Second, StatusOK},
		{5001 * time.Millisecond, StatusWarning},
		{-time.Minute, StatusWarning}, {61 * time.Second, StatusFault}, {-time.Hour, StatusFault},
	} {
		d := examination(t)
		d.report.judgeClock("the database's", test.ahead)
		require.Equal(t, test.status, d.report.findings[0].Status, test.ahead)
	}
}

func TestWeChatThatAcceptsAnythingIsNotWeChat(t *testing.T) {
	d := examination(t)
	d.report.judgeApp("wx0123456789abcdef", "WeChat", &wechat.Error{Class: wechat.ErrUnavailable,
		Reason: "it accepted an invalid code"})
	d.report.judgeApp("wx0123456789abcdef", "WeChat", &wechat.Error{Class: wechat.ErrUserBlocked,
		Errcode: 40226, Reason: "errcode"})
	for _, f := range d.report.findings {
		require.Equal(t, StatusFault, f.Status)
		require.Contains(t, f.Found, "gives no usable answer")
	}
}
