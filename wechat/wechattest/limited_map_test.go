package wechattest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALimitedMapDropsTheOldest(t *testing.T) {
	few := newLimitedMap[int, int](3)
	for key := range 5 {
		few.put(key, key)
		few.put(key, key*10)
	}
	require.Equal(t, map[int]int{2: 20, 3: 30, 4: 40}, few.values)
	few.dropWhile(func(value int) bool { return value < 40 })
	require.Equal(t, map[int]int{4: 40}, few.values)
	require.Equal(t, []int{4}, few.order)
}

func TestOldCodesAreDropped(t *testing.T) {
	simulator := New(Options{})
	require.NoError(t, simulator.AddApp(App{AppID: "wx0123456789abcdef", Secret: "simulator-x"}))
	for range 100 {
		_, err := simulator.MintCode("wx0123456789abcdef", "ada")
		require.NoError(t, err)
		simulator.Advance(time.Minute)
	}
	require.LessOrEqual(t, len(simulator.codes.values), 12)
}

func TestOldVisitsAreDropped(t *testing.T) {
	simulator := New(Options{})
	website := &app{App: App{AppID: "wx0123456789abcdef", Kind: KindWebsite}}
	for range maxTokens + 10 {
		simulator.visit(website, &code{appID: website.AppID, user: "ada"})
	}
	require.Len(t, simulator.visits.values, maxTokens)
	simulator.Advance(2*userTokenLifetime + time.Second)
	simulator.visit(website, &code{appID: website.AppID, user: "ada"})
	require.Len(t, simulator.visits.values, 1)
}
