package mutable

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

const (
	// batchSize is how many bytes of blocks are read from a share at once, if
	// a segment has not more.
	batchSize = 512 << 10
	// maxTreeRead bounds the block hash trees that are read as a whole; of
	// larger ones the nodes that are needed are read.
	maxTreeRead = 256 << 10
)

// retrieval reads segments of one version (mutable/retrieve.py Retrieve). Not
// safe for concurrent use.
type retrieval struct {
	file    *File
	m       *ServerMap
	version mutablelayout.Header
	spare   []*Share
	active  []*source // K of them
	decoder *mutablelayout.Decoder
	bad     map[*Share]error
	// salts, if not nil, gets the salts of the segments that are read.
	salts *bytes.Buffer
}

// source is a share that blocks are read from.
type source struct {
	share    *Share
	verifier *mutablelayout.Verifier
	whole    bool // the block hash tree is known as a whole
}

// batch is what all sources have of some segments.
type batch struct {
	from, to int64
	blocks   [][][]byte // by source, then by segment
	decoder  *mutablelayout.Decoder
}

// newRetrieval begins to read a version. The error is an *UnrecoverableError if
// there are too few shares.
func (f *File) newRetrieval(m *ServerMap, version mutablelayout.Header) (*retrieval, error) {
	r := &retrieval{file: f, m: m, version: version, bad: make(map[*Share]error), spare: m.of(version)}
	return r, r.recruit()
}

// recruit fills up the sources with shares of other numbers.
func (r *retrieval) recruit() error {
	used := make(map[int]bool)
	for _, s := range r.active {
		used[s.share.Num] = true
	}
	for i := 0; i < len(r.spare) && len(r.active) < r.version.K; {
		if s := r.spare[i]; !used[s.Num] {
			used[s.Num] = true
			r.active = append(r.active, &source{share: s})
			r.spare = slices.Delete(r.spare, i, i+1)
			continue
		}
		i++
	}
	if len(r.active) < r.version.K {
		return r.m.without(r.bad).unrecoverable()
	}
	nums := make([]int, len(r.active))
	for i, s := range r.active {
		nums[i] = s.share.Num
	}
	decoder, err := mutablelayout.NewDecoder(r.version, r.file.read.Key, nums)
	r.decoder = decoder
	return err
}

// drop gives up the sources that failed and tells servers of corrupt shares.
func (r *retrieval) drop(ctx context.Context, failed map[*source]error) {
	for s, err := range failed {
		r.bad[s.share] = err
		if isCorrupt(err) {
			worse := *s.share
			worse.Err = err
			worse.advise(ctx, r.file)
		}
	}
	r.active = slices.DeleteFunc(r.active, func(s *source) bool { return failed[s] != nil })
}

// fetch reads and verifies the blocks of segments, replacing sources that fail.
func (r *retrieval) fetch(ctx context.Context, from, to int64) (*batch, error) {
	have := make(map[*source][][]byte)
	for {
		failed := r.fetchOnce(ctx, from, to, have)
		if len(failed) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.drop(ctx, failed)
		if err := r.recruit(); err != nil {
			return nil, err
		}
	}
	b := &batch{from: from, to: to, decoder: r.decoder}
	for _, s := range r.active {
		b.blocks = append(b.blocks, have[s])
	}
	return b, nil
}

func (r *retrieval) fetchOnce(ctx context.Context, from, to int64, have map[*source][][]byte) map[*source]error {
	var missing []*source
	for _, s := range r.active {
		if have[s] == nil {
			missing = append(missing, s)
		}
	}
	var mu sync.Mutex // guards have and failed
	failed := make(map[*source]error)
	each(missing, func(s *source) {
		blocks, err := s.read(ctx, r.file, from, to)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed[s] = err
			return
		}
		have[s] = blocks
	})
	return failed
}

// read returns the verified blocks of segments.
func (s *source) read(ctx context.Context, f *File, from, to int64) ([][]byte, error) {
	head := s.share.Head
	if s.verifier == nil && head.Areas.BlockHashTree.Size > maxTreeRead {
		verifier, err := s.share.verifier(ctx, f)
		if err != nil {
			return nil, err
		}
		s.verifier = verifier
	}
	start, end := head.BlockArea(from).Offset, head.BlockArea(to-1).End()
	hashes := s.hashAreas(from, to)
	areas := append([]mutablelayout.Area{{Offset: start, Size: end - start}}, hashes...)
	data, err := s.share.readAreas(ctx, f, areas...)
	if err != nil {
		return nil, err
	}
	if err := s.addHashes(hashes, data[1:]); err != nil {
		return nil, err
	}
	blocks := make([][]byte, 0, to-from)
	for seg := from; seg < to; seg++ {
		a := head.BlockArea(seg)
		block := data[0][a.Offset-start : a.End()-start]
		if err := s.verifier.CheckBlock(seg, block); err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// hashAreas returns where the hashes are that it takes to verify segments: chain
// and whole tree at the beginning if the tree is small, single nodes otherwise.
func (s *source) hashAreas(from, to int64) []mutablelayout.Area {
	head := s.share.Head
	if s.whole {
		return nil
	}
	if s.verifier == nil {
		return []mutablelayout.Area{head.Areas.ShareHashChain, head.Areas.BlockHashTree}
	}
	var needed []int
	for seg := from; seg < to; seg++ {
		needed = s.verifier.AppendNeeded(needed, seg)
	}
	slices.Sort(needed)
	var areas []mutablelayout.Area
	for _, node := range slices.Compact(needed) {
		a := head.NodeArea(node)
		if last := len(areas) - 1; last >= 0 && areas[last].End() == a.Offset {
			areas[last].Size += a.Size
			continue
		}
		areas = append(areas, a)
	}
	return areas
}

func (s *source) addHashes(areas []mutablelayout.Area, data [][]byte) error {
	if s.whole {
		return nil
	}
	if s.verifier == nil {
		verifier, err := mutablelayout.NewVerifier(s.share.Head.Header, s.share.Num, data[0], taggedhash.Hash(data[1]))
		if err != nil {
			return err
		}
		s.verifier, s.whole = verifier, true
		return verifier.AddTree(data[1])
	}
	var nodes []hashtree.Node
	tree := s.share.Head.Areas.BlockHashTree.Offset
	for i, a := range areas {
		for at := int64(0); at < a.Size; at += mutablelayout.HashSize {
			nodes = append(nodes, hashtree.Node{
				Number: int((a.Offset + at - tree) / mutablelayout.HashSize), Hash: taggedhash.Hash(data[i][at:]),
			})
		}
	}
	return s.verifier.AddNodes(nodes)
}

// perBatch returns how many segments are read at once.
func (r *retrieval) perBatch() int64 {
	return max(1, batchSize/max(1, r.version.SegmentSize/int64(r.version.K)))
}

// copyRange writes a range of the plaintext, which lies within the file, to w and
// returns how many bytes it wrote. The next batch is read while one is decoded
// and written.
func (r *retrieval) copyRange(ctx context.Context, w io.Writer, offset, size int64) (written int64, err error) {
	if size == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	end := (offset+size-1)/r.version.SegmentSize + 1
	batches := make(chan *batch)
	var fetchErr error
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		defer close(batches)
		for from := offset / r.version.SegmentSize; from < end; from += r.perBatch() {
			b, err := r.fetch(ctx, from, min(from+r.perBatch(), end))
			if err != nil {
				fetchErr = err
				return
			}
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	var buffer []byte
	for b := range batches {
		n, err := r.writeBatch(w, b, offset, offset+size, &buffer)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, fetchErr
}

// writeBatch decodes the segments of a batch and writes what lies in the range.
func (r *retrieval) writeBatch(w io.Writer, b *batch, from, to int64, buffer *[]byte) (written int64, err error) {
	blocks := make([][]byte, len(b.blocks))
	for seg := b.from; seg < b.to; seg++ {
		for i := range blocks {
			blocks[i] = b.blocks[i][seg-b.from]
		}
		if r.salts != nil && r.version.Format == mutablelayout.MDMF {
			r.salts.Write(blocks[0][:mutablelayout.SaltSize])
		}
		plain, err := b.decoder.Decode(*buffer, seg, blocks)
		if err != nil {
			return written, err
		}
		*buffer = plain
		start := seg * r.version.SegmentSize
		part := plain[max(from-start, 0):min(to-start, int64(len(plain)))]
		n, err := w.Write(part)
		written += int64(n)
		if err != nil {
			return written, &writeError{err}
		}
	}
	return written, nil
}

// writeError is an error of the writer that a file is read into.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }
