package download

import (
	"context"
	"errors"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/immutable"
)

const (
	// readTime is how long a server may take for a read, plus a second for each
	// slowest bytes of it.
	readTime = 60 * time.Second
	slowest  = 16 << 10
	// adviseTime is how long a server may take to hear that a share is corrupt.
	adviseTime = 30 * time.Second
)

// faults are what was found wrong with a share.
type faults struct {
	corrupt bool // of no use at all
	suspect bool // a block was bad; others may be good
	badTree bool // its crypttext hash tree is of no use
	advised bool // the server knows
}

// place is where a share is.
type place struct {
	server grid.ServerID
	num    grid.ShareNum
}

// share is a share on a server.
type share struct {
	file   *file
	server *broker.Server
	num    grid.ShareNum
	reader grid.BucketReader

	dead   bool // of no use until all servers are asked again; guarded by the mutex of the file
	faults      // likewise guarded

	opening chan struct{} // has room for whoever uses what is below, also while the share is opened
	opened  *immutable.ShareReader
	source  *source
}

func newShare(f *file, s *broker.Server, n grid.ShareNum, r grid.BucketReader) *share {
	return &share{
		file: f, server: s, num: n, reader: r,
		faults: f.finder.known[place{s.ID, n}], opening: make(chan struct{}, 1),
	}
}

// open reads what comes before the blocks, and what may be read together with it:
// all hashes and the block of segment seg.
func (sh *share) open(ctx context.Context, seg int64) (*immutable.ShareReader, error) {
	select {
	case sh.opening <- struct{}{}:
		defer func() { <-sh.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if sh.opened != nil {
		return sh.opened, nil
	}
	src := newSource(sh)
	src.prefetch(ctx, sh.file.v, seg)
	r, err := sh.file.v.Open(ctx, immutable.Share{Num: sh.num, Server: sh.server.ID, Source: src})
	if err != nil {
		return nil, err
	}
	sh.opened, sh.source = r, src
	return r, nil
}

// rest lets go of what was read ahead, if nobody is opening the share.
func (sh *share) rest() {
	select {
	case sh.opening <- struct{}{}:
		if sh.source != nil {
			sh.source.drop()
		}
		<-sh.opening
	default:
	}
}

// readBlock reads and proves the block of a segment.
func (sh *share) readBlock(ctx context.Context, seg int64, block func() []byte) ([]byte, error) {
	r, err := sh.open(ctx, seg)
	if err != nil {
		return nil, err
	}
	if segs, _ := sh.file.v.Segments(); seg >= segs.NumSegments {
		return nil, &immutable.RangeError{What: "segment", Value: seg, End: segs.NumSegments}
	}
	p := block()
	return p, r.ReadBlock(ctx, seg, p)
}

// blame draws conclusions from the error of a share. It returns an error if others
// would not help. The mutex of the file is held.
func (f *file) blame(sh *share, err error) error {
	var corrupt *immutable.CorruptShareError
	var read *immutable.ReadError
	switch {
	case errors.As(err, &corrupt):
		switch corrupt.Part {
		case immutable.PartBlock:
			sh.suspect = true
		case immutable.PartCiphertextHashTree:
			sh.badTree = true
		default:
			sh.corrupt = true
		}
		f.advise(sh, err)
	case errors.As(err, &read):
		sh.dead = true
		sh.server.Health.Fail(time.Now())
	default:
		return err
	}
	f.finder.problem(err)
	f.d.log.Info("share is bad", "si", f.v.Cap().SI.Abbrev(), "server", sh.server.ID.Name(), "shnum", int(sh.num), "err", err)
	return nil
}

// advise tells the server that a share is corrupt, once.
func (f *file) advise(sh *share, reason error) {
	if sh.advised || f.closed {
		return
	}
	sh.advised = true
	f.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), adviseTime)
		defer cancel()
		if err := sh.reader.AdviseCorruptShare(ctx, reason.Error()); err != nil {
			f.d.log.Debug("server does not hear of its corrupt share", "server", sh.server.ID.Name(), "err", err)
		}
	})
}

// cost estimates how long a block of the share would take to come.
func (sh *share) cost(bytes int, busy int) time.Duration {
	if sh.server.Local {
		return time.Duration(busy) * time.Microsecond
	}
	took, _ := sh.server.Health.Expect(bytes)
	return took * time.Duration(busy+1)
}

const (
	// minPatience and maxPatience bound how long a block is waited for before
	// another share is asked as well; 1.20 waits ten seconds.
	minPatience = 100 * time.Millisecond
	maxPatience = 10 * time.Second
)

// patience is how long an answer with so many bytes is waited for.
func patience(s *broker.Server, bytes int) time.Duration {
	took, spread := s.Health.Expect(bytes)
	return min(max(2*took+4*spread, minPatience), maxPatience)
}
