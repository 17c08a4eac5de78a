package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

var lastIndex atomic.Uint64

// freshSI returns a storage index that was never used, spread as hashes are.
func freshSI() (si grid.StorageIndex) {
	n := lastIndex.Add(1) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(si[:], n)
	binary.BigEndian.PutUint64(si[8:], n^n>>31)
	return si
}

// leaseSecrets are the same for all shares, as those of one gateway would be for
// one file.
func leaseSecrets() grid.LeaseSecrets {
	return grid.LeaseSecrets{
		Renewal: secret.NewRenewalSecret([secret.Size32]byte{1}), Cancel: secret.NewCancelSecret([secret.Size32]byte{2}),
	}
}

// noise returns bytes that do not compress.
func noise(size int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	_, _ = source.Read(data)
	return data
}

// storeShare allocates, writes and closes a share.
func storeShare(ctx context.Context, c client, si grid.StorageIndex, data []byte, piece int) error {
	allocation, err := c.AllocateBuckets(ctx, si, leaseSecrets(), []grid.ShareNum{0}, int64(len(data)))
	if err != nil {
		return fmt.Errorf("allocate: %w", err)
	}
	writer := allocation.Writers[0]
	if writer == nil {
		return errors.New("the server does not take the share")
	}
	for at := 0; at < len(data); at += piece {
		if err := writer.Write(ctx, int64(at), data[at:min(at+piece, len(data))]); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := writer.Close(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// fetchShare reads a share into buffer, and compares it.
func fetchShare(ctx context.Context, c client, si grid.StorageIndex, want, buffer []byte, piece int) error {
	readers, err := c.GetBuckets(ctx, si)
	if err != nil {
		return fmt.Errorf("find: %w", err)
	}
	reader := readers[0]
	if reader == nil {
		return errors.New("the server does not have the share")
	}
	for at := 0; at < len(want); at += piece {
		end := min(at+piece, len(want))
		n, err := reader.Read(ctx, buffer[at:end], int64(at))
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if !bytes.Equal(buffer[at:at+n], want[at:end]) {
			return errors.New("the server has returned other bytes than it was given")
		}
	}
	return nil
}

// shareOut does the work of count jobs with all clients at once. job is called
// concurrently for different clients.
func shareOut(ctx context.Context, clients []client, count int, job func(ctx context.Context, c client, worker, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for worker, c := range clients {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := job(ctx, c, worker, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}
