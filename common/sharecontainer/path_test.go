package sharecontainer_test

import (
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	si := grid.StorageIndex(pattern(0, 16))
	require.Equal(t, "aa/aaaqeayeaudaocajbifqydiob4", sharecontainer.BucketPath(si))
	require.Equal(t, "aa/aaaqeayeaudaocajbifqydiob4/255", sharecontainer.SharePath(si, 255))
	got, ok := sharecontainer.ParseBucketName("aa", "aaaqeayeaudaocajbifqydiob4")
	require.True(t, ok)
	require.Equal(t, si, got)
	for _, name := range []string{"", "aaaqeayeaudaocajbifqydiob", "aaaqeayeaudaocajbifqydiob5", "AAAQEAYEAUDAOCAJBIFQYDIOB4", "incoming"} {
		_, ok := sharecontainer.ParseBucketName("aa", name)
		require.False(t, ok, name)
	}
	_, ok = sharecontainer.ParseBucketName("ab", "aaaqeayeaudaocajbifqydiob4")
	require.False(t, ok, "in the wrong prefix")
	for name, want := range map[string]bool{"0": true, "7": true, "255": true, "256": false, "007": false, "": false,
		"-1": false, "+1": false, "1 ": false, "1\n": false, "0x1": false, "1_0": false, "3.tmp": false,
		"99999999999999999999": false, "\u0661": false} {
		_, ok := sharecontainer.ParseShareName(name)
		require.Equal(t, want, ok, "%q", name)
	}
	for name, want := range map[string]bool{"aa": true, "7z": true, "a": false, "aaa": false, "A2": false, "a1": false,
		"incoming": false, "": false, "..": false} {
		require.Equal(t, want, sharecontainer.IsPrefixName(name), name)
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"0", "255", "256", "007", "7\n", "-1", "aa", "incoming", "aaaqeayeaudaocajbifqydiob4"} {
		f.Add("aa", name)
	}
	f.Fuzz(func(t *testing.T, prefix, name string) {
		n, isShare := sharecontainer.ParseShareName(name)
		si, isBucket := sharecontainer.ParseBucketName(prefix, name)
		if isShare && isBucket {
			t.Fatal("both a share and a bucket")
		}
		if isShare {
			require.Equal(t, sharecontainer.BucketPath(si)+"/"+name, sharecontainer.SharePath(si, n))
		}
		if isBucket {
			require.Equal(t, prefix+"/"+name, sharecontainer.BucketPath(si))
			require.True(t, sharecontainer.IsPrefixName(prefix))
		}
	})
}
