package mutable

import (
	"context"
	"io"
	"slices"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Create stores a new file (mutable/filenode.py create_with_keys). Its shares go
// to as many servers as there are, in permuted order, and Config.Params.Happy
// servers must take some. An MDMF file that does not fit Config.MaxMemory is
// written in pieces; others are a *TooLargeError then. If servers are missing the
// error is a *NotEnoughServersError.
func (c *Client) Create(ctx context.Context, layout uri.Layout, src Source) (*File, error) {
	key, err := c.newKey()
	if err != nil {
		return nil, err
	}
	return c.CreateWithKey(ctx, layout, key, src)
}

// CreateWithKey is Create for a key that the caller has. If the file exists
// already the error is an *UncoordinatedWriteError.
func (c *Client) CreateWithKey(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, src Source) (*File, error) {
	return c.CreateFrom(ctx, layout, key, func(*File) (Source, error) { return src, nil })
}

// WriteCap returns the cap of the file that a key makes.
func WriteCap(layout uri.Layout, key rsakey.PrivateKey) uri.MutableWrite {
	return writeCap(layout, mutablelayout.NewKeys(key))
}

func writeCap(layout uri.Layout, keys *mutablelayout.Keys) uri.MutableWrite {
	return uri.MutableWrite{Layout: layout, Key: keys.WriteKey(), Fingerprint: keys.Fingerprint()}
}

// CreateNew is Create for a content that depends on the file's own cap, as that
// of a directory does.
func (c *Client) CreateNew(ctx context.Context, layout uri.Layout, content func(*File) (Source, error)) (*File, error) {
	key, err := c.newKey()
	if err != nil {
		return nil, err
	}
	return c.CreateFrom(ctx, layout, key, content)
}

// CreateFrom is CreateNew with a key that the caller has.
func (c *Client) CreateFrom(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, content func(*File) (Source, error)) (*File, error) {
	keys := mutablelayout.NewKeys(key)
	f, err := c.Open(writeCap(layout, keys))
	if err != nil {
		return nil, err
	}
	src, err := content(f)
	if err != nil {
		return nil, err
	}
	done, err := f.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	first := f.firstPiece(src)
	err = f.create(ctx, keys, first)
	done()
	if err != nil {
		return nil, err
	}
	if first.Size() < src.Size() {
		rest := io.NewSectionReader(src, first.Size(), src.Size()-first.Size())
		if _, err := f.Write(ctx, first.Size(), rest); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// firstPiece returns how much of a new MDMF file is written at once.
func (f *File) firstPiece(src Source) Source {
	p := f.client.params(f.format())
	if f.format() == mutablelayout.SDMF || f.memory(p, src.Size()) <= f.client.cfg.MaxMemory {
		return src
	}
	return io.NewSectionReader(src, 0, min(src.Size(), f.piece(p.K, p.N)))
}

func (c *Client) params(format mutablelayout.Format) mutablelayout.Params {
	return mutablelayout.Params{Format: format, Seqnum: 1, K: c.cfg.Params.K, N: c.cfg.Params.N}
}

// create places all shares, those that a server did not take on others.
func (f *File) create(ctx context.Context, keys *mutablelayout.Keys, src Source) error {
	c, err := f.encode(keys, f.client.params(f.format()), src, f.client.cfg.Random)
	if err != nil {
		return err
	}
	n := f.client.cfg.Params.N
	servers := slices.Clone(f.client.cfg.Servers.Uploadable(f.shared.si))
	m := &ServerMap{
		mode: ModeAll, servers: f.client.cfg.Servers.Permuted(f.shared.si), away: -1,
		empty: make(map[grid.ServerID]bool), failed: make(map[grid.ServerID]error),
	}
	var first error
	for {
		shares := place(m.missing(n), servers, loads(m))
		if len(shares) == 0 {
			break
		}
		out := f.publish(ctx, keys, m, shares, c)
		if err := ctx.Err(); err != nil {
			return err
		}
		if out.surprise {
			f.shared.setLast(nil)
			return &UncoordinatedWriteError{Attempts: 1}
		}
		if m = out.m; first == nil {
			first = out.failed
		}
		took := serversOf(out.took)
		servers = slices.DeleteFunc(servers, func(s *broker.Server) bool { return !took[s.ID] && tried(shares, s) })
	}
	return f.created(keys, m, first)
}

func loads(m *ServerMap) map[grid.ServerID]int {
	load := make(map[grid.ServerID]int)
	for _, s := range m.shares {
		load[s.Server.ID]++
	}
	return load
}

func serversOf(holdings []Holding) map[grid.ServerID]bool {
	ids := make(map[grid.ServerID]bool)
	for _, h := range holdings {
		ids[h.Server] = true
	}
	return ids
}

func tried(shares []*Share, server *broker.Server) bool {
	return slices.ContainsFunc(shares, func(s *Share) bool { return s.Server == server })
}

// created checks that enough servers have shares.
func (f *File) created(keys *mutablelayout.Keys, m *ServerMap, first error) error {
	stored, needed := len(loads(m)), max(f.client.cfg.Params.Happy, 1)
	if len(m.missing(f.client.cfg.Params.N)) > 0 || stored < needed {
		f.shared.setLast(nil)
		return &NotEnoughServersError{Stored: stored, Needed: needed, Shares: len(m.shares), First: first}
	}
	f.shared.setKeys(keys)
	return nil
}
