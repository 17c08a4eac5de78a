package introserver

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// TestHeapWhenFull: as many announcements as there is room for, of the size that
// 1.20 makes, fit into a Pi many times over.
func TestHeapWhenFull(t *testing.T) {
	const budget = 4 << 10 // bytes for each
	s := New(Config{})
	t.Cleanup(s.Close)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	padding := strings.Repeat("x", 500)
	gone := make(chan struct{})
	for n := range DefaultLimits.Announcements {
		key := announce.SigningKey{Seed: secret.NewSigningSeed([32]byte{byte(n), byte(n >> 8)})}
		signed, err := announce.Sign(key, &announce.Fields{
			ServiceName: "storage", Nickname: "a node", MyVersion: "tahoe-lafs/1.20.0", OldestSupported: "1.0.0", Seqnum: 1, HasSeqnum: true,
			FURL: "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:20021/uj35qfd6iqlafkkepndh35f7utkv532j", PermutationSeed: padding,
		})
		require.NoError(t, err)
		require.NoError(t, s.publish(signed, grid.TubID{byte(n), byte(n >> 8)}, gone))
	}
	require.EqualValues(t, DefaultLimits.Announcements, s.Counters().Announcements)
	used := (heap() - before) / uint64(DefaultLimits.Announcements)
	t.Logf("%d bytes for each announcement of about 900", used)
	require.Less(t, used, uint64(budget))
	runtime.KeepAlive(s)
}
