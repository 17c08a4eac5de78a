package helperserver

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// freeSpace returns the bytes that this process may still write below dir.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	unit := uint64(s.Bsize)
	if unit > 0 && uint64(s.Bavail) > math.MaxInt64/unit {
		return math.MaxInt64, nil
	}
	return int64(uint64(s.Bavail) * unit), nil
}

// systemBoot returns the id that the kernel gave itself, and when it started as
// its clock says now.
func systemBoot() (id string, at time.Time) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", time.Now()
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "", time.Now()
	}
	return strings.TrimSpace(string(text)), time.Now().Add(-time.Duration(info.Uptime) * time.Second)
}
