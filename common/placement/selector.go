package placement

import (
	"fmt"
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Ask is a request to one server to allocate shares. An empty list of shares
// is a useful request, too: allocating renews the leases on what is there.
type Ask struct {
	Server int
	Shares []grid.ShareNum // ascending
}

// Selector finds servers for the shares of one upload in rounds. The caller
// has asked every candidate what it holds and reported it ([Selector.Found],
// [Selector.ReadOnly], [Selector.Exclude]); then it repeats: get the questions
// of a round with [Selector.Next], put them to the servers, all at once if it
// likes, and report each answer with [Selector.Answer] or [Selector.Failed].
// When Next has no more questions, [Selector.Result] tells the outcome.
//
// Each further round follows a refusal, and a server that refused is not
// asked for new shares again, so there are at most as many rounds as servers
// plus one. A Selector is for one goroutine at a time.
//
// Source: immutable/upload.py PeerSelector and Tahoe2ServerSelector.
type Selector struct {
	params   grid.Params
	servers  []serverState
	asked    bool // the first round has been handed out
	refused  bool // somebody refused something in the round before
	stats    Stats
	failures []ServerFailure
}

// serverState is what is known about one server. The lists are sets in
// ascending order.
type serverState struct {
	readOnly  bool
	excluded  bool
	held      []grid.ShareNum // there before this upload
	allocated []grid.ShareNum // promised to this upload
	asked     []grid.ShareNum // shares of the open question
}

// have lists all shares this server holds or promised.
func (s *serverState) have() []grid.ShareNum {
	if s.excluded {
		return nil
	}
	return union(s.held, s.allocated)
}

// NewSelector begins an upload to numServers candidates, known by index in
// permuted order; the caller has cut the order to [MaxCandidates]. A happiness
// of 0 is for a repair, which takes what it can get. The error is a
// *grid.ParamsError or wraps [ErrBadRequest].
func NewSelector(params grid.Params, numServers int) (*Selector, error) {
	if err := validate(params); err != nil {
		return nil, err
	}
	if numServers < 0 || numServers > MaxServers {
		return nil, fmt.Errorf("%w: %d servers, want at most %d", ErrBadRequest, numServers, MaxServers)
	}
	return &Selector{params: params, servers: make([]serverState, numServers)}, nil
}

// validate allows what grid.Params does, and a happiness of 0.
func validate(params grid.Params) error {
	if params.Happy == 0 {
		return grid.CheckShares(params.K, params.N)
	}
	return params.Validate()
}

// Found records shares that a server says it holds already. Numbers outside
// 0..N-1 are ignored.
func (s *Selector) Found(server int, shares []grid.ShareNum) {
	s.servers[server].held = union(s.servers[server].held, validShares(shares, s.params.N))
}

// ReadOnly records that a server takes no new shares. What it holds counts.
func (s *Selector) ReadOnly(server int) { s.servers[server].readOnly = true }

// Exclude leaves a server out because it could not even say what it holds.
func (s *Selector) Exclude(server int, err error) {
	s.servers[server].excluded = true
	s.failures = append(s.failures, ServerFailure{server, err})
}

// Next begins a round and returns its questions in the order of the servers,
// or nil when there is nothing more to ask. Shares that a server has already
// allocated are not asked for again. All questions of the round before must
// have been answered.
func (s *Selector) Next() []Ask {
	if s.asked && !s.refused {
		return nil
	}
	p := s.place(false)
	var asks []Ask
	for i := range s.servers {
		if s.servers[i].excluded {
			continue
		}
		shares := difference(p.Shares(i), s.servers[i].allocated)
		missing := difference(shares, s.servers[i].held)
		if len(missing) == 0 && (s.asked || !s.worthRenewing(i, shares)) {
			continue
		}
		s.servers[i].asked = shares
		asks = append(asks, Ask{Server: i, Shares: shares})
	}
	s.asked, s.refused = true, false
	s.stats.Queries += len(asks)
	return asks
}

// worthRenewing reports whether the first round should visit a server that is
// to get nothing new: it is relied upon, or it is read-only with shares whose
// leases only this visit renews, as 1.20 visits them.
func (s *Selector) worthRenewing(server int, shares []grid.ShareNum) bool {
	state := &s.servers[server]
	return len(shares) > 0 || state.readOnly && len(state.held) > 0
}

// Answer records what a server said to its question: the shares it had
// already and the shares it has now allocated. Shares that were not asked for
// cannot be allocated and are ignored: the caller gives them back. A server
// that did not grant everything is not asked for new shares again.
func (s *Selector) Answer(server int, already, allocated []grid.ShareNum) {
	state := &s.servers[server]
	granted := intersection(state.asked, allocated)
	state.held = union(state.held, difference(validShares(already, s.params.N), state.allocated))
	state.allocated = union(state.allocated, granted)
	if len(difference(state.asked, state.have())) > 0 {
		state.readOnly, s.refused = true, true
	}
	state.asked = nil
	if len(already) > 0 || len(granted) > 0 {
		s.stats.Good++
	} else {
		s.stats.Full++
	}
}

// Failed records that a server answered its question with an error or not in
// time. It is not asked for new shares again; what it held still counts.
func (s *Selector) Failed(server int, err error) {
	s.servers[server].asked = nil
	s.servers[server].readOnly, s.refused = true, true
	s.stats.Errors++
	s.failures = append(s.failures, ServerFailure{server, err})
}

// Outcome is the result of a selection.
type Outcome struct {
	// Placement has one server for each share that found a home.
	Placement Placement
	// Happiness of all shares, those found included.
	Happiness int
	// Write are the allocated shares to be filled.
	Write []Ask
	// Release are allocated shares which a later round made superfluous, to be
	// aborted.
	Release []Ask
}

// Result tells the outcome after the last round. If happiness is below what
// was asked for, the error is an [*UnhappinessError] and everything that was
// allocated is in Release.
func (s *Selector) Result() (Outcome, error) {
	p := s.place(true)
	outcome := Outcome{Placement: p, Happiness: s.happiness()}
	happy := outcome.Happiness >= s.params.Happy
	for i := range s.servers {
		allocated := s.servers[i].allocated
		var write []grid.ShareNum
		if happy {
			write = intersection(p.Shares(i), allocated)
		}
		outcome.Write = appendAsk(outcome.Write, i, write)
		outcome.Release = appendAsk(outcome.Release, i, difference(allocated, write))
	}
	if !happy {
		return outcome, s.unhappiness(outcome)
	}
	return outcome, nil
}

func appendAsk(asks []Ask, server int, shares []grid.ShareNum) []Ask {
	if len(shares) == 0 {
		return asks
	}
	return append(asks, Ask{Server: server, Shares: shares})
}

// place computes a placement from the present state; final counts only on
// what servers hold or have promised.
func (s *Selector) place(final bool) Placement {
	candidates := make([]Candidate, len(s.servers))
	for i := range s.servers {
		state := &s.servers[i]
		candidates[i].ReadOnly = final || state.readOnly || state.excluded
		candidates[i].Held = state.have()
	}
	p, err := Place(s.params.N, candidates)
	if err != nil {
		panic("placement: " + err.Error()) // NewSelector checked the sizes
	}
	return p
}

// happiness measures what servers hold or have promised. 1.20.0:
// servers_of_happiness(merge_servers(preexisting shares, use_trackers)).
func (s *Selector) happiness() int {
	holders := make(map[grid.ShareNum][]int)
	for i := range s.servers {
		for _, share := range s.servers[i].have() {
			holders[share] = append(holders[share], i)
		}
	}
	return Happiness(holders)
}

func (s *Selector) unhappiness(o Outcome) *UnhappinessError {
	numServers := 0
	for i := range s.servers {
		if len(s.servers[i].have()) > 0 {
			numServers++
		}
	}
	return &UnhappinessError{
		Params:     s.params,
		Effective:  o.Happiness,
		NumServers: numServers,
		Homeless:   o.Placement.Homeless(),
		Stats:      s.stats,
		Failures:   slices.Clone(s.failures),
	}
}
