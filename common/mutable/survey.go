package mutable

import (
	"bytes"
	"context"
	"slices"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// maxCalls bounds the servers that are asked at the same time for one file.
const maxCalls = 16

// awayCounter is what a broker may know beyond broker.Servers.
type awayCounter interface{ Away() int }

// Survey asks servers for their shares of the file and verifies whose versions
// they are (mutable/servermap.py ServermapUpdater). Servers that do not answer
// are no error; the map knows of them.
func (f *File) Survey(ctx context.Context, mode Mode) (*ServerMap, error) {
	s := &survey{file: f, mode: mode, servers: f.client.cfg.Servers.Permuted(f.shared.si), answers: make(map[*broker.Server]answer)}
	s.away = -1
	if counter, ok := f.client.cfg.Servers.(awayCounter); ok {
		s.away = counter.Away()
	}
	s.known = f.shared.lastMap()
	for {
		next := s.next()
		if len(next) == 0 {
			break
		}
		s.ask(ctx, next)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	m := s.result().withAbsent(f.client.cfg.Servers.Uploadable(f.shared.si))
	f.shared.setLast(m.light())
	return m, nil
}

// survey is the state of one survey.
type survey struct {
	file    *File
	mode    Mode
	servers []*broker.Server
	known   *ServerMap // from before, may be nil
	away    int
	answers map[*broker.Server]answer
}

// answer is what one server said.
type answer struct {
	server *broker.Server
	shares []*Share
	err    error
}

// next returns the servers to be asked next, none if enough have answered.
func (s *survey) next() []*broker.Server {
	first, all := s.firstWave()
	if len(s.answers) == 0 || s.mode == ModeAll {
		return s.unasked(first)
	}
	if s.satisfied() {
		return nil
	}
	return s.unasked(min(len(s.answers)+max(all/2, 1), len(s.servers)))
}

// firstWave returns how many servers to begin with, and how many shares a file
// has.
func (s *survey) firstWave() (first, shares int) {
	k, n := s.file.client.cfg.Params.K, s.file.client.cfg.Params.N
	if s.known != nil {
		if all := situation(s.known.holdings()).versions(); len(all) > 0 {
			k, n = all[0].K, all[0].N
		}
	}
	switch s.mode {
	case ModeRead:
		return max(2*k, n/2+1), n
	case ModeWrite:
		return n + k, n
	}
	return len(s.servers), n
}

// unasked returns those of the first so many servers, and of those that held
// shares before, that were not asked yet.
func (s *survey) unasked(first int) []*broker.Server {
	var list []*broker.Server
	holders := s.holders()
	for i, server := range s.servers {
		if _, asked := s.answers[server]; !asked && (i < first || holders[server.ID]) {
			list = append(list, server)
		}
	}
	return list
}

// holders returns the servers that are known to hold shares.
func (s *survey) holders() map[grid.ServerID]bool {
	ids := make(map[grid.ServerID]bool)
	if s.known != nil {
		for _, share := range s.known.shares {
			ids[share.Server.ID] = true
		}
	}
	return ids
}

// satisfied reports whether enough servers have answered for the mode.
func (s *survey) satisfied() bool {
	m := s.result()
	recoverable, newer := m.Versions()
	if len(recoverable) == 0 || len(newer) > 0 {
		return false
	}
	if s.mode == ModeRead {
		return true
	}
	if len(m.missing(recoverable[0].N)) > 0 {
		return false // somebody further on may have them
	}
	return s.emptyInRow() >= recoverable[0].K
}

// emptyInRow counts the servers after the last one with a share that hold none.
func (s *survey) emptyInRow() (n int) {
	for _, server := range s.servers {
		switch a, asked := s.answers[server]; {
		case len(a.shares) > 0:
			n = 0
		case asked && a.err == nil:
			n++
		}
	}
	return n
}

// ask asks servers at the same time. It does not wait for the last ones if a
// reader does not need them, nor for long if a writer could do without them.
func (s *survey) ask(ctx context.Context, servers []*broker.Server) {
	grace := s.file.client.cfg.Grace
	if s.mode == ModeRead {
		grace = 0
	}
	gather(ctx, s.file.client, servers, s.file.question, func(a answer) { s.answers[a.server] = a }, s.enough, grace)
	for _, server := range servers {
		if _, ok := s.answers[server]; !ok {
			s.answers[server] = answer{server: server, err: errLost}
		}
	}
}

// enough reports whether the servers that have answered would do.
func (s *survey) enough() bool {
	d, err := Decide(s.result().holdings())
	return err == nil && d.Settled
}

// question asks one server for its shares and verifies them.
func (f *File) question(ctx context.Context, server *broker.Server) answer {
	data, err := server.Storage.SlotReadv(ctx, f.shared.si, nil, []grid.ReadVector{{Offset: 0, Length: surveySize}})
	if err != nil {
		return answer{server: server, err: err}
	}
	a := answer{server: server}
	for num, read := range data {
		if !num.Valid() || len(read) != 1 || len(read[0]) > surveySize {
			continue // no server of Tahoe answers so
		}
		share := &Share{Server: server, Num: int(num), prefix: read[0], start: bytes.Clone(read[0][:min(checkSize, len(read[0]))])}
		share.verify(ctx, f)
		if share.corrupt() {
			share.advise(ctx, f)
		}
		a.shares = append(a.shares, share)
	}
	slices.SortFunc(a.shares, func(a, b *Share) int { return a.Num - b.Num })
	return a
}

// result makes the map of what is known so far. Shares of servers that are not
// connected any more stay in it as lost: they are still out there.
func (s *survey) result() *ServerMap {
	m := &ServerMap{
		mode: s.mode, servers: s.servers, away: s.away,
		empty: make(map[grid.ServerID]bool), failed: make(map[grid.ServerID]error),
	}
	for _, server := range s.servers {
		a, asked := s.answers[server]
		switch {
		case a.err != nil:
			m.failed[server.ID] = a.err
		case asked && len(a.shares) == 0:
			m.empty[server.ID] = true
		}
		m.shares = append(m.shares, a.shares...)
	}
	return s.withLost(m.dropStrays())
}

// withLost adds the shares that were seen before on servers that did not answer
// now.
func (s *survey) withLost(m *ServerMap) *ServerMap {
	if s.known == nil {
		return m
	}
	answered, held := m.answered(), make(map[int]bool)
	if best, ok := m.census().Best(); ok {
		for _, num := range m.census().Shares(best) {
			held[num] = true // somebody else has taken it over
		}
	}
	for _, share := range s.known.shares {
		if share.absent || answered[share.Server.ID] || held[share.Num] {
			continue
		}
		m.shares = append(m.shares, &Share{
			Server: share.Server, Num: share.Num, start: share.start, lost: true, Err: errLost,
			Head: mutablelayout.Head{},
		})
	}
	return m
}
