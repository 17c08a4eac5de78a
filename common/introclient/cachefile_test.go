package introclient

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
)

// TestCacheWrites: announcements that come together make one write, later ones
// wait, and the end waits for nothing.
func TestCacheWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := new(memoryCache)
		c, err := New(Config{Cache: cache})
		require.NoError(t, err)
		file := &cacheFile{client: c, petname: "one", dirty: make(chan struct{}, 1)}
		file.load()
		var known inbound
		hear := func(a announce.Signed) {
			verified, err := a.Verify()
			require.NoError(t, err)
			known.accept(verified)
			signal(file.dirty)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { file.run(ctx, &known); close(done) }()
		writes := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			cache.mu.Lock()
			defer cache.mu.Unlock()
			return cache.writes
		}
		require.Zero(t, writes(time.Hour))
		hear(storage(1, 1))
		hear(storage(2, 1))
		require.Zero(t, writes(cacheDelay-time.Nanosecond))
		require.Equal(t, 1, writes(time.Nanosecond))
		hear(storage(1, 2))
		hear(storage(3, 1))
		require.Equal(t, 1, writes(cacheInterval-time.Second))
		require.Equal(t, 2, writes(time.Second+cacheDelay))
		require.Len(t, cache.files["one"], 3)
		hear(storage(3, 1))
		require.Equal(t, 2, writes(time.Hour), "nothing new")
		hear(storage(3, 2))
		cancel()
		<-done
		require.Equal(t, 3, cache.writes)
	})
}
