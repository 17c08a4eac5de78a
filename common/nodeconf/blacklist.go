package nodeconf

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Blacklist is access.blacklist: storage indexes that this node's gateways must
// not open, each with a reason. The file is read again when its time of
// modification has changed. Safe for concurrent use. blacklist.py Blacklist;
// there only a later time counts.
type Blacklist struct {
	path string

	mu      sync.Mutex // guards the rest, also while the file is read
	modTime time.Time
	size    int64
	reasons map[grid.StorageIndex]string
	err     error
}

// Blacklist returns the blacklist of the node. The file need not exist.
func (d *Dir) Blacklist() *Blacklist { return &Blacklist{path: d.Path(blacklistName)} }

// Check returns the reason why the storage index must not be opened, "" and
// false if it may. A file that exists and cannot be parsed or read is an error:
// nothing may be opened then.
func (b *Blacklist) Check(si grid.StorageIndex) (reason string, prohibited bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		b.reasons, b.modTime, b.size, b.err = nil, time.Time{}, 0, nil
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if !info.ModTime().Equal(b.modTime) || info.Size() != b.size || b.reasons == nil {
		b.reasons, b.err = readBlacklist(b.path)
		b.modTime, b.size = info.ModTime(), info.Size()
	}
	reason, prohibited = b.reasons[si]
	return reason, prohibited, b.err
}

func readBlacklist(path string) (map[grid.StorageIndex]string, error) {
	data, err := readLimited(path, maxListFile)
	if err != nil {
		return nil, err
	}
	reasons := map[grid.StorageIndex]string{}
	number := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		number++
		if text = strip(text); text == "" || text[0] == '#' {
			continue
		}
		at := strings.IndexFunc(text, isPythonSpace)
		if at < 0 {
			return nil, &Error{File: path, Line: number, Reason: "has no reason", Advice: `write "STORAGEINDEX reason"`}
		}
		si, err := grid.ParseStorageIndex(text[:at])
		if err != nil {
			return nil, &Error{File: path, Line: number, Reason: "does not begin with a storage index", Advice: `write "STORAGEINDEX reason"`}
		}
		reasons[si] = strip(text[at:])
	}
	return reasons, nil
}
