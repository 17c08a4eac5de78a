package gridclient

import (
	"context"
	"io"
	"sync/atomic"
)

// counters are what the node's statistics tell of files, under Tahoe's names
// (immutable/upload.py Uploader, immutable/downloader/node.py, mutable/filenode.py).
// Directories are not among the mutable files here, as they are in 1.20: most of
// their reads and edits cost no retrieving and publishing of their own.
type counters struct{ uploaded, downloaded, published, retrieved tally }

// tally counts files and their bytes.
type tally struct{ files, bytes atomic.Int64 }

func (t *tally) add(bytes int64) {
	t.files.Add(1)
	t.bytes.Add(bytes)
}

// Counters returns how many files, and bytes, were stored and read since New.
func (c *Client) Counters() map[string]int64 {
	counts := map[string]int64{}
	for _, one := range []struct {
		who, did string
		t        *tally
	}{
		{"uploader", "uploaded", &c.counters.uploaded}, {"downloader", "downloaded", &c.counters.downloaded},
		{"mutable", "published", &c.counters.published}, {"mutable", "retrieved", &c.counters.retrieved},
	} {
		counts[one.who+".files_"+one.did] = one.t.files.Load()
		counts[one.who+".bytes_"+one.did] = one.t.bytes.Load()
	}
	return counts
}

// counted counts what is read of a file.
type counted struct {
	File
	t *tally
}

// WriteRange implements File.
func (f counted) WriteRange(ctx context.Context, w io.Writer, offset, length int64) (int64, error) {
	n, err := f.File.WriteRange(ctx, w, offset, length)
	f.t.add(n)
	return n, err
}
