// Package version tells what a binary was built from.
//
// Ordinary builds carry no stamp, so that the same sources give the same
// bytes. A release is built with `bazel build --config=release`, which sets
// [Version] and [Commit] from tools/workspace-status.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Version and Commit are set by the linker in releases only (x_defs in this
// package's BUILD file). Read them through [Get].
var (
	Version = ""
	Commit  = ""
)

// base is the version that unstamped builds report: the release that main is
// on the way to.
const base = "0.1.0-dev"

// Info describes the running binary. Every field is a printable word.
type Info struct {
	Version  string `json:"version"`  // as in "0.1.0"; "0.1.0-dev" without a stamp
	Commit   string `json:"commit"`   // git commit, or "unstamped"
	Go       string `json:"go"`       // as in "go1.26.8"
	Platform string `json:"platform"` // as in "linux/arm/v7"
}

// Get returns what is known of the running binary.
func Get() Info {
	info := Info{
		Version:  stamp(Version),
		Commit:   stamp(Commit),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH + armVariant,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		fillFromBuild(&info, build)
	}
	if info.Version == "" {
		info.Version = base
	}
	if info.Commit == "" {
		info.Commit = "unstamped"
	}
	return info
}

// String is the line that --version prints after the program's name.
func (i Info) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s)", i.Version, i.Commit, i.Go, i.Platform)
}

// stamp drops what an unstamped Bazel build leaves of a placeholder.
func stamp(value string) string {
	if strings.HasPrefix(value, "{") {
		return ""
	}
	return value
}

// fillFromBuild adds what `go install module@version` and `go build` inside a
// checkout know; a stamp comes first.
func fillFromBuild(info *Info, build *debug.BuildInfo) {
	if info.Version == "" && strings.HasPrefix(build.Main.Version, "v") {
		info.Version = strings.TrimPrefix(build.Main.Version, "v")
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" && info.Commit == "" {
			info.Commit = setting.Value
		}
	}
}
