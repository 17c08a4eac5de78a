package mutable

import (
	"bytes"
	"context"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// outcome says what became of one attempt to write a version.
type outcome struct {
	m        *ServerMap // what servers hold now, as far as it is known
	took     []Holding  // shares that were written
	surprise bool       // a server held something else than expected
	failed   error      // the first error of a server
}

// publication is one attempt to write a version to servers (mutable/publish.py
// Publish).
type publication struct {
	file    *File
	keys    *mutablelayout.Keys
	m       *ServerMap
	content *content
	start   []byte // of the new shares, as surveys see it
	out     outcome
	now     map[*Share]*Share // what became of shares
}

// publish writes the content to shares, each on the condition that it is what
// the map says. Fresh shares are created.
func (f *File) publish(ctx context.Context, keys *mutablelayout.Keys, m *ServerMap, shares []*Share, c *content) outcome {
	p := &publication{file: f, keys: keys, m: m, content: c, now: make(map[*Share]*Share)}
	p.start = p.beginning(c.version.Head())
	f.shared.setVerified(c.version.Head().Header, nil)
	groups := onServers(shares)
	servers := make([]*broker.Server, 0, len(groups))
	for server := range groups {
		servers = append(servers, server)
	}
	gather(ctx, f.client, servers, func(ctx context.Context, server *broker.Server) written {
		return p.writeServer(ctx, server, groups[server])
	}, p.record, p.counts, f.client.cfg.Grace)
	p.recordLate(groups)
	p.out.m = p.result(shares)
	f.shared.setLast(p.out.m)
	return p.out
}

// beginning returns the first checkSize bytes of all shares of the version.
func (p *publication) beginning(head mutablelayout.Head) []byte { return head.Append(nil)[:checkSize] }

// written is the answer of one server.
type written struct {
	server *broker.Server
	shares []*Share
	result grid.TestvResult
	err    error
}

// writeServer writes all shares that go to one server in one step.
func (p *publication) writeServer(ctx context.Context, server *broker.Server, shares []*Share) written {
	writes := make(map[grid.ShareNum]grid.SlotWrite, len(shares))
	for _, s := range shares {
		writes[grid.ShareNum(s.Num)] = p.write(s)
	}
	secrets := server.SlotSecrets(p.keys.WriteKey(), p.file.client.cfg.Lease, p.file.shared.si)
	result, err := server.Storage.SlotTestvAndReadvAndWritev(ctx, p.file.shared.si, secrets, writes,
		[]grid.ReadVector{{Offset: 0, Length: checkSize}})
	return written{server, shares, result, err}
}

// counts reports whether a majority took the version.
func (p *publication) counts() bool {
	return len(p.out.took) > 0 && situation(p.m.holdings()).quorum(p.content.version.Head().Header, p.out.took)
}

// write is what happens to one share.
func (p *publication) write(s *Share) grid.SlotWrite {
	v := p.content.version
	size := v.ShareSize()
	w := grid.SlotWrite{
		Tests:     []grid.TestVector{{Offset: 0, Length: checkSize, Specimen: s.start}},
		NewLength: &size,
		Writes:    []grid.WriteVector{{Offset: 0, Data: v.AppendFront(nil, s.Num)}},
	}
	if len(s.start) == 0 {
		w.Tests[0].Length = 1 // as 1.20 tests that there is no share
	}
	for _, part := range p.content.parts {
		w.Writes = append(w.Writes, grid.WriteVector{Offset: part.offset, Data: part.shares[s.Num]})
	}
	if back := v.AppendBack(nil, s.Num); len(back) > 0 {
		w.Writes = append(w.Writes, grid.WriteVector{Offset: v.BackOffset(), Data: back})
	}
	return w
}

// record takes note of the answer of a server.
func (p *publication) record(w written) {
	if w.err != nil {
		p.file.client.cfg.Log.Info("mutable share not written", "si", p.file.shared.si.Abbrev(), "server", w.server.ID.Name(), "err", w.err)
		if p.out.failed == nil {
			p.out.failed = w.err
		}
	} else if !w.result.Passed || p.surprising(w.server, w.shares, w.result.Data) {
		p.out.surprise = true
	}
	for _, s := range w.shares {
		if w.err != nil || !w.result.Passed {
			p.now[s] = &Share{Server: s.Server, Num: s.Num, start: s.start, Err: errLost, lost: true}
			continue
		}
		p.out.took = append(p.out.took, Holding{Server: w.server.ID, Shnum: s.Num, Version: p.content.version.Head().Header, Here: true})
		p.now[s] = &Share{Server: s.Server, Num: s.Num, Head: p.content.version.Head(), start: p.start}
	}
}

// recordLate counts servers that were not waited for as failed.
func (p *publication) recordLate(groups map[*broker.Server][]*Share) {
	for server, shares := range groups {
		if p.now[shares[0]] == nil {
			p.record(written{server: server, shares: shares, err: errLost})
		}
	}
}

// surprising reports whether the server holds shares besides those written that
// nobody knew of.
func (p *publication) surprising(server *broker.Server, written []*Share, data grid.ReadvData) bool {
	expected := make(map[int][]byte)
	for _, s := range append(p.m.on(server), written...) {
		expected[s.Num] = s.start
	}
	for num, read := range data {
		start, known := expected[int(num)]
		if len(read) != 1 || !known && !bytes.Equal(read[0], p.start) || known && !bytes.Equal(read[0], start) {
			return true
		}
	}
	return false
}

// result returns the map as it is after the writes.
func (p *publication) result(written []*Share) *ServerMap {
	m := p.m.light()
	known := make(map[*Share]bool)
	for i, s := range p.m.shares {
		known[s] = true
		if now := p.now[s]; now != nil {
			m.shares[i] = now
		}
	}
	for _, s := range written { // new ones
		if !known[s] && !p.now[s].lost {
			m.shares = append(m.shares, p.now[s])
		}
	}
	return m
}
