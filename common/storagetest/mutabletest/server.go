package mutabletest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Server keeps mutable shares in memory.
type Server struct {
	tub grid.TubID

	mu     sync.Mutex // guards all below
	slots  map[grid.StorageIndex]*slot
	advice []string
	full   bool
}

type slot struct {
	enabler secret.WriteEnabler
	shares  map[grid.ShareNum][]byte
}

func newServer(number int) *Server {
	return &Server{
		tub:   grid.TubID(fmt.Appendf(nil, "tub of server %06d", number)),
		slots: map[grid.StorageIndex]*slot{},
	}
}

// Shares returns copies of the shares of a storage index.
func (s *Server) Shares(si grid.StorageIndex) map[grid.ShareNum][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	copies := map[grid.ShareNum][]byte{}
	if slot := s.slots[si]; slot != nil {
		for n, share := range slot.shares {
			copies[n] = bytes.Clone(share)
		}
	}
	return copies
}

// Put sets or, with nil, removes a share below the clients' feet.
func (s *Server) Put(si grid.StorageIndex, n grid.ShareNum, share []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots[si] == nil {
		s.slots[si] = &slot{shares: map[grid.ShareNum][]byte{}}
	}
	if share == nil {
		delete(s.slots[si].shares, n)
		return
	}
	s.slots[si].shares[n] = bytes.Clone(share)
}

// SetFull lets the server refuse to store anything.
func (s *Server) SetFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Advice returns what clients said about corrupt shares: "N: reason".
func (s *Server) Advice() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.advice)
}

func (s *Server) readv(si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) grid.ReadvData {
	data := grid.ReadvData{}
	slot := s.slots[si]
	if slot == nil {
		return data
	}
	if len(shares) == 0 {
		shares = slices.Collect(maps.Keys(slot.shares))
	}
	for _, n := range shares {
		share, ok := slot.shares[n]
		if !ok {
			continue
		}
		for _, v := range vectors {
			data[n] = append(data[n], bytes.Clone(cut(share, v.Offset, v.Length)))
		}
	}
	return data
}

func cut(share []byte, offset, length int64) []byte {
	end := int64(len(share))
	return share[min(offset, end):min(offset+length, end)]
}

func (s *Server) write(si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (grid.TestvResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.slots[si]
	if sl == nil {
		sl = &slot{enabler: secrets.WriteEnabler, shares: map[grid.ShareNum][]byte{}}
	}
	if sl.enabler.IsZero() {
		sl.enabler = secrets.WriteEnabler
	}
	if !sl.enabler.Equal(secrets.WriteEnabler) {
		return grid.TestvResult{}, &grid.BadWriteEnablerError{NodeID: s.tub}
	}
	if s.full {
		return grid.TestvResult{}, grid.ErrNoSpace
	}
	result := grid.TestvResult{Passed: true, Data: s.readv(si, nil, reads)}
	for n, w := range writes {
		for _, t := range w.Tests {
			result.Passed = result.Passed && bytes.Equal(cut(sl.shares[n], t.Offset, t.Length), t.Specimen)
		}
	}
	if !result.Passed {
		return result, nil
	}
	for n, w := range writes {
		sl.apply(n, w)
	}
	s.slots[si] = sl
	return result, nil
}

func (sl *slot) apply(n grid.ShareNum, w grid.SlotWrite) {
	if w.NewLength != nil && *w.NewLength == 0 {
		delete(sl.shares, n)
		return
	}
	share := bytes.Clone(sl.shares[n])
	for _, wv := range w.Writes {
		if end := int(wv.Offset) + len(wv.Data); end > len(share) {
			share = append(share, make([]byte, end-len(share))...)
		}
		copy(share[wv.Offset:], wv.Data)
	}
	if w.NewLength != nil && *w.NewLength < int64(len(share)) {
		share = share[:*w.NewLength]
	}
	sl.shares[n] = share
}

// connection is a grid.StorageServer: a server as one gateway reaches it. What
// mutable files do not need is a nil interface and panics.
type connection struct {
	grid.StorageServer
	view   *View
	number int
	server *Server
}

// SlotReadv implements grid.StorageServer.
func (c *connection) SlotReadv(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	if err := c.view.before(ctx, c.number, Readv); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	data := c.server.readv(si, shares, vectors)
	c.server.mu.Unlock()
	return data, c.view.after(ctx, c.number, Readv)
}

// SlotTestvAndReadvAndWritev implements grid.StorageServer.
func (c *connection) SlotTestvAndReadvAndWritev(ctx context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (grid.TestvResult, error) {
	if err := c.view.before(ctx, c.number, Writev); err != nil {
		return grid.TestvResult{}, err
	}
	result, err := c.server.write(si, secrets, writes, reads)
	if err != nil {
		return grid.TestvResult{}, err
	}
	return result, c.view.after(ctx, c.number, Writev)
}

// AdviseCorruptShare implements grid.StorageServer.
func (c *connection) AdviseCorruptShare(ctx context.Context, _ grid.ShareKind, _ grid.StorageIndex, n grid.ShareNum, reason string) error {
	if err := c.view.before(ctx, c.number, Advise); err != nil {
		return err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.advice = append(c.server.advice, fmt.Sprintf("%d: %s", n, reason))
	return nil
}
