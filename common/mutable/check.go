package mutable

import (
	"bytes"
	"context"
	"slices"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// unchanged asks the servers that held shares for the beginning of those and
// reports whether nothing has changed that matters: it is true as soon as enough
// servers have said so to make the version established, or all who can answer
// have. One that says otherwise is enough for false.
func (f *File) unchanged(ctx context.Context, m *ServerMap) bool {
	d, err := Decide(m.holdings())
	if err != nil || !d.Alone {
		return false
	}
	var servers []*broker.Server
	for server, shares := range onServers(m.shares) {
		if !shares[0].lost {
			servers = append(servers, server)
		}
	}
	agreed, changed := make(map[grid.ServerID]bool), false
	established := func() bool { return changed || m.established(d.Base, agreed) }
	gather(ctx, f.client, servers, func(ctx context.Context, server *broker.Server) reply {
		return f.glance(ctx, server, m.on(server))
	}, func(r reply) {
		changed = changed || r.changed
		agreed[r.server.ID] = r.err == nil
	}, established, 0)
	return !changed && m.established(d.Base, agreed)
}

// established reports whether the servers alone make a version established.
func (m *ServerMap) established(v mutablelayout.Header, servers map[grid.ServerID]bool) bool {
	s := situation(m.holdings())
	return s.quorum(v, s.where(func(h Holding) bool { return h.Version == v && servers[h.Server] }))
}

// reply is what a glance at a server found.
type reply struct {
	server  *broker.Server
	changed bool
	err     error
}

// glance reads the beginnings of all shares on a server and compares them.
func (f *File) glance(ctx context.Context, server *broker.Server, shares []*Share) reply {
	data, err := server.Storage.SlotReadv(ctx, f.shared.si, nil, []grid.ReadVector{{Offset: 0, Length: checkSize}})
	if err != nil {
		return reply{server: server, err: err}
	}
	return reply{server: server, changed: differs(data, shares)}
}

// differs reports whether the beginnings of shares on a server are others than
// those known.
func differs(data grid.ReadvData, shares []*Share) bool {
	shares = slices.DeleteFunc(slices.Clone(shares), func(s *Share) bool { return s.absent })
	if len(data) != len(shares) {
		return true
	}
	for _, s := range shares {
		read := data[grid.ShareNum(s.Num)]
		if len(read) != 1 || !bytes.Equal(read[0], s.start) {
			return true
		}
	}
	return false
}
