package version

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGetFillsEveryField(t *testing.T) {
	info := Get()
	require.NotEmpty(t, info.Version)
	require.NotEmpty(t, info.Commit)
	require.Equal(t, runtime.Version(), info.Go)
	require.Contains(t, info.Platform, runtime.GOOS+"/"+runtime.GOARCH)
	require.Equal(t, info.Version+" (commit "+info.Commit+", "+info.Go+", "+info.Platform+")", info.String())
}

func TestStampDropsPlaceholders(t *testing.T) {
	require.Equal(t, "", stamp("{STABLE_VERSION}"))
	require.Equal(t, "1.2.3", stamp("1.2.3"))
	require.Equal(t, "", stamp(""))
}

func TestBuildInfoComesAfterTheStamp(t *testing.T) {
	build := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.3.0"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}},
	}
	for _, c := range []struct {
		name     string
		in, want Info
	}{
		{"unstamped", Info{}, Info{Version: "0.3.0", Commit: "abc"}},
		{"stamped", Info{Version: "0.2.0", Commit: "def"}, Info{Version: "0.2.0", Commit: "def"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fillFromBuild(&c.in, build)
			require.Equal(t, c.want, c.in)
		})
	}
}

func TestDevelopmentVersionIsNotAVersion(t *testing.T) {
	var info Info
	fillFromBuild(&info, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}})
	require.Empty(t, info.Version)
}
