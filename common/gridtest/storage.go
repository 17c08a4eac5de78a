package gridtest

import (
	"context"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// storage is a server with its faults.
type storage struct{ server *Server }

var _ grid.StorageServer = (*storage)(nil)

// do makes one call.
func (s *storage) do(ctx context.Context, call Call, f func() error) error {
	defer s.server.end()
	if err := s.server.begin(ctx, call); err != nil {
		return err
	}
	return f()
}

func onServer(op Op) Call { return Call{Op: op, Share: -1} }

func (s *storage) Version(ctx context.Context) (v grid.ServerVersion, err error) {
	err = s.do(ctx, onServer(Version), func() error {
		v, err = s.server.Store.Version(ctx)
		return err
	})
	return v, err
}

func (s *storage) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (a grid.Allocation, err error) {
	err = s.do(ctx, onServer(Allocate), func() error {
		a, err = s.server.Store.AllocateBuckets(ctx, si, secrets, shares, size)
		return err
	})
	for n, w := range a.Writers {
		a.Writers[n] = &writer{s, n, w}
	}
	return a, err
}

func (s *storage) GetBuckets(ctx context.Context, si grid.StorageIndex) (buckets map[grid.ShareNum]grid.BucketReader, err error) {
	err = s.do(ctx, onServer(Get), func() error {
		buckets, err = s.server.Store.GetBuckets(ctx, si)
		return err
	})
	for n, r := range buckets {
		buckets[n] = &reader{s, n, r}
	}
	return buckets, err
}

func (s *storage) AddLease(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) error {
	return s.do(ctx, onServer(Lease), func() error { return s.server.Store.AddLease(ctx, si, secrets) })
}

func (s *storage) SlotReadv(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (data grid.ReadvData, err error) {
	err = s.do(ctx, onServer(Readv), func() error {
		data, err = s.server.Store.SlotReadv(ctx, si, shares, vectors)
		return err
	})
	return data, err
}

func (s *storage) SlotTestvAndReadvAndWritev(ctx context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (result grid.TestvResult, err error) {
	err = s.do(ctx, onServer(Writev), func() error {
		result, err = s.server.Store.SlotTestvAndReadvAndWritev(ctx, si, secrets, writes, reads)
		return err
	})
	return result, err
}

func (s *storage) AdviseCorruptShare(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	return s.do(ctx, onServer(Advise), func() error {
		s.server.advised(kind, n, reason)
		return s.server.Store.AdviseCorruptShare(ctx, kind, si, n, reason)
	})
}

// writer is an upload behind the faults.
type writer struct {
	storage *storage
	num     grid.ShareNum
	below   grid.BucketWriter
}

func (w *writer) Write(ctx context.Context, offset int64, data []byte) error {
	return w.storage.do(ctx, Call{Op: Write, Share: w.num, Offset: offset, Length: len(data)}, func() error {
		return w.below.Write(ctx, offset, data)
	})
}

func (w *writer) Close(ctx context.Context) error {
	return w.storage.do(ctx, Call{Op: Close, Share: w.num}, func() error { return w.below.Close(ctx) })
}

// Abort also reaches a server that is away: it forgets the uploads of lost
// connections by itself.
func (w *writer) Abort(ctx context.Context) error {
	if !w.storage.server.connected() {
		_ = w.below.Abort(context.WithoutCancel(ctx))
	}
	return w.storage.do(ctx, Call{Op: Abort, Share: w.num}, func() error { return w.below.Abort(ctx) })
}

// reader is a share behind the faults.
type reader struct {
	storage *storage
	num     grid.ShareNum
	below   grid.BucketReader
}

func (r *reader) Read(ctx context.Context, p []byte, offset int64) (n int, err error) {
	call := Call{Op: Read, Share: r.num, Offset: offset, Length: len(p)}
	err = r.storage.do(ctx, call, func() error {
		n, err = r.below.Read(ctx, p, offset)
		return err
	})
	if err == nil {
		r.storage.server.falsify(r.num, offset, p[:n])
	}
	return n, err
}

func (r *reader) AdviseCorruptShare(ctx context.Context, reason string) error {
	return r.storage.do(ctx, Call{Op: Advise, Share: r.num}, func() error {
		r.storage.server.advised(grid.Immutable, r.num, reason)
		return r.below.AdviseCorruptShare(ctx, reason)
	})
}

func (s *Server) leaseOfNobody() grid.LeaseSecrets {
	var b [secret.Size32]byte
	return grid.LeaseSecrets{Renewal: secret.NewRenewalSecret(b), Cancel: secret.NewCancelSecret(b)}
}

// Refuse answers the given calls, all if there are none, with an error.
func Refuse(err error, ops ...Op) func(context.Context, Call) error {
	return func(_ context.Context, call Call) error {
		if concerns(call, ops) {
			return err
		}
		return nil
	}
}

// Hang never answers the given calls, all if there are none, before the context
// is done.
func Hang(ops ...Op) func(context.Context, Call) error {
	return func(ctx context.Context, call Call) error {
		if !concerns(call, ops) {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// Slow delays the given calls, all if there are none.
func Slow(delay time.Duration, ops ...Op) func(context.Context, Call) error {
	return func(ctx context.Context, call Call) error {
		if !concerns(call, ops) {
			return nil
		}
		select {
		case <-time.After(delay):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func concerns(call Call, ops []Op) bool {
	for _, op := range ops {
		if op == call.Op {
			return true
		}
	}
	return len(ops) == 0
}
