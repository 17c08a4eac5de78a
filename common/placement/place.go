package placement

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// MaxServers bounds the candidates of one placement. An upload asks 2N
// servers at most (see [MaxCandidates]), so this leaves room for the servers
// which were found to hold shares beyond those.
const MaxServers = 1024

// ErrBadRequest is wrapped by the errors of [Place] and [NewSelector] for
// arguments that no caller should use.
var ErrBadRequest = errors.New("bad placement request")

// MaxCandidates is how many servers of the permuted order an upload of total
// shares asks: 2N, as immutable/upload.py get_shareholders does.
func MaxCandidates(total int) int { return 2 * total }

// Candidate is what is known about one server.
type Candidate struct {
	// ReadOnly says that the server takes no new share: it is full, refuses
	// shares of this size, or has refused before.
	ReadOnly bool
	// Held are the numbers of the shares it already has, in any order.
	// Numbers outside 0..N-1 are ignored: a server may say anything.
	Held []grid.ShareNum
}

// Placement says for every share which server it belongs on. The zero value
// is the placement of no shares. It is not changed after [Place] returned it
// and safe for concurrent use.
type Placement struct {
	serverOf []int
	held     []bool
}

// Total is N.
func (p Placement) Total() int { return len(p.serverOf) }

// Server answers the index of the server for a share, and false if there is
// none: then no candidate takes shares and none holds this one.
func (p Placement) Server(share grid.ShareNum) (int, bool) {
	if share < 0 || int(share) >= len(p.serverOf) || p.serverOf[share] == none {
		return 0, false
	}
	return p.serverOf[share], true
}

// Held reports that the share is already on its server, so that nothing needs
// to be sent; asking the server for it all the same renews its lease.
func (p Placement) Held(share grid.ShareNum) bool {
	return share >= 0 && int(share) < len(p.held) && p.held[share]
}

// Shares lists the shares of one server in ascending order.
func (p Placement) Shares(server int) []grid.ShareNum {
	var shares []grid.ShareNum
	for share, s := range p.serverOf {
		if s == server {
			shares = append(shares, grid.ShareNum(share))
		}
	}
	return shares
}

// Happiness is the number of servers with at least one share, which is what
// this placement reaches if every server takes what it is asked for.
func (p Placement) Happiness() int {
	servers := make(map[int]struct{}, len(p.serverOf))
	for _, server := range p.serverOf {
		if server != none {
			servers[server] = struct{}{}
		}
	}
	return len(servers)
}

// Homeless lists the shares without a server, in ascending order.
func (p Placement) Homeless() []grid.ShareNum { return p.Shares(none) }

// Place finds a home for each of the shares 0..total-1 on candidates, which
// are in permuted order, such that happiness is the greatest possible: no
// other placement uses more servers. Each share gets one server at most, a
// read-only server only shares it holds. Among the placements of the greatest
// happiness it takes one that relies on read-only servers where it can (so
// that others are free for new shares), then one that reuses existing shares,
// then one that spreads the rest evenly, always preferring earlier servers.
//
// The steps are those of immutable/happiness_upload.py share_placement, with
// the differences listed in the package documentation. The result is the same
// for the same arguments, in every process.
//
// The error wraps [ErrBadRequest]: total outside 1..[grid.MaxShares] or more than
// [MaxServers] candidates.
func Place(total int, candidates []Candidate) (Placement, error) {
	if total < 1 || total > grid.MaxShares {
		return Placement{}, fmt.Errorf("%w: %d shares, want 1 to %d", ErrBadRequest, total, grid.MaxShares)
	}
	if len(candidates) > MaxServers {
		return Placement{}, fmt.Errorf("%w: %d servers, want at most %d", ErrBadRequest, len(candidates), MaxServers)
	}
	p := newPlacer(total, candidates)
	p.matchHolders()
	p.matchNew()
	p.settleRest()
	return p.result(), nil
}

// placer is the state of one call of Place.
type placer struct {
	candidates []Candidate
	held       [][]grid.ShareNum // Candidate.Held without nonsense
	match      *matching[grid.ShareNum]
	serverOf   []int // the placement so far
	load       []int // shares placed on each server so far
}

func newPlacer(total int, candidates []Candidate) *placer {
	held := make([][]grid.ShareNum, len(candidates))
	for i, c := range candidates {
		held[i] = validShares(c.Held, total)
	}
	return &placer{
		candidates: candidates,
		held:       held,
		match:      newMatching(held, total),
		load:       make([]int, len(candidates)),
	}
}

// validShares drops numbers outside 0..total-1 and repetitions, keeping the
// order, so that a server's answer cannot make the search longer.
func validShares(shares []grid.ShareNum, total int) []grid.ShareNum {
	var seen [grid.MaxShares]bool
	var valid []grid.ShareNum
	for _, share := range shares {
		if share >= 0 && int(share) < total && !seen[share] {
			seen[share] = true
			valid = append(valid, share)
		}
	}
	return valid
}

// matchHolders matches servers with shares they already hold: the read-only
// ones first, which keep their part when the others are added. Steps 2 to 5
// of servers-of-happiness.rst.
func (p *placer) matchHolders() {
	for _, readOnly := range []bool{true, false} {
		for server, c := range p.candidates {
			if c.ReadOnly == readOnly {
				p.match.augment(server)
			}
		}
	}
	p.serverOf = p.match.serverOf
	for _, server := range p.serverOf {
		if server != none {
			p.load[server]++
		}
	}
}

// matchNew gives one unmatched share to each read-write server without one.
// Any such pair will do, so no search is needed. Steps 6 and 7.
func (p *placer) matchNew() {
	server := 0
	for share := range p.serverOf {
		if p.serverOf[share] != none {
			continue
		}
		for server < len(p.candidates) && (p.candidates[server].ReadOnly || p.load[server] > 0) {
			server++
		}
		if server == len(p.candidates) {
			return
		}
		p.give(share, server)
	}
}

// settleRest places what is left when every server has a share.
func (p *placer) settleRest() {
	holders := p.holders()
	for share := range p.serverOf {
		if p.serverOf[share] != none {
			continue
		}
		if server := p.home(holders[share]); server != none {
			p.give(share, server)
		}
	}
}

// home picks the server for a share without a partner: a read-write server
// that holds it, else the one with the fewest shares, else (nobody takes
// shares) whoever holds it.
func (p *placer) home(holders []int) int {
	if server := p.leastLoaded(holders); server != none {
		return server
	}
	if server := p.leastLoadedOfAll(); server != none {
		return server
	}
	if len(holders) > 0 {
		return holders[0]
	}
	return none
}

func (p *placer) give(share, server int) {
	p.serverOf[share] = server
	p.load[server]++
}

// holders lists for every share the servers that hold it, in order.
func (p *placer) holders() [][]int {
	holders := make([][]int, len(p.serverOf))
	for server, shares := range p.held {
		for _, share := range shares {
			holders[share] = append(holders[share], server)
		}
	}
	return holders
}

// leastLoaded picks among servers the read-write one with the fewest shares.
func (p *placer) leastLoaded(servers []int) int {
	best := none
	for _, server := range servers {
		best = p.lighter(best, server)
	}
	return best
}

func (p *placer) leastLoadedOfAll() int {
	best := none
	for server := range p.candidates {
		best = p.lighter(best, server)
	}
	return best
}

// lighter is server if it takes shares and has fewer than best, else best.
func (p *placer) lighter(best, server int) int {
	if p.candidates[server].ReadOnly || best != none && p.load[server] >= p.load[best] {
		return best
	}
	return server
}

func (p *placer) result() Placement {
	held := make([]bool, len(p.serverOf))
	for server, shares := range p.held {
		for _, share := range shares {
			held[share] = held[share] || p.serverOf[share] == server
		}
	}
	return Placement{serverOf: p.serverOf, held: held}
}
