package mutable

import (
	"cmp"
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// A Holding is one share on one server, as far as it is known.
type Holding struct {
	// Server is empty for a share that nobody has seen, which some server may
	// nevertheless hold.
	Server grid.ServerID
	Shnum  int
	// Version is the version of the share, whose signature was checked. It is
	// the zero Header if the share is corrupt or could not be read now.
	Version mutablelayout.Header
	// Here says that the server answered, so that the share can be written.
	Here bool
}

// known reports whether the version is known.
func (h Holding) known() bool { return h.Version.Seqnum > 0 }

// A Decision says how to go on from what servers hold.
type Decision struct {
	// Base is the version that the next one must contain.
	Base mutablelayout.Header
	// Settled says that Base is established: it can be relied on.
	Settled bool
	// Alone says that Base is settled and no server that answered holds another
	// version that 1.20 could take for newer.
	Alone bool
	// Seqnum is the sequence number of the next version.
	Seqnum uint64
	// Targets are the indexes of the holdings that it may be written to.
	Targets []int
	// Wait says that somebody may be publishing right now; give him time before
	// going on as described.
	Wait bool
	// Complete says that Base itself is to be written to the targets, to make
	// it established, and not a version that follows it.
	Complete bool
}

// Decide finds the version to build on and where to write the next one, by the
// rules of the package comment. The holdings must include those of servers that
// did not answer and those nobody has seen. Errors are *UnrecoverableError if
// there is no version that could be read and *NoMajorityError if the servers
// that answered are too few to write anything.
//
// It depends on its argument alone.
func Decide(holdings []Holding) (Decision, error) {
	s := situation(holdings)
	if len(s.versions()) == 0 {
		return Decision{}, &UnrecoverableError{}
	}
	if !s.quorum(s.shape(), s.where(func(h Holding) bool { return h.Here })) {
		return Decision{}, s.noMajority()
	}
	return s.decide(s.round())
}

// situation is what servers hold.
type situation []Holding

// versions returns all known versions, newest first.
func (s situation) versions() []mutablelayout.Header {
	seen := make(map[mutablelayout.Header]bool)
	var all []mutablelayout.Header
	for _, h := range s {
		if h.known() && !seen[h.Version] {
			seen[h.Version] = true
			all = append(all, h.Version)
		}
	}
	slices.SortFunc(all, newestFirst)
	return all
}

// newestFirst orders versions so that all clients agree (mutablelayout.Census).
func newestFirst(a, b mutablelayout.Header) int {
	if order := b.Compare(a); order != 0 {
		return order
	}
	return slices.Compare(b.AppendSigned(nil), a.AppendSigned(nil))
}

// round returns the highest sequence number.
func (s situation) round() (highest uint64) {
	for _, h := range s {
		highest = max(highest, h.Version.Seqnum)
	}
	return highest
}

// shape returns the k and N that count: those of the newest version.
func (s situation) shape() mutablelayout.Header {
	if all := s.versions(); len(all) > 0 {
		return all[0]
	}
	return mutablelayout.Header{K: 1, N: 1}
}

func (s situation) where(wanted func(Holding) bool) situation {
	var found situation
	for _, h := range s {
		if wanted(h) {
			found = append(found, h)
		}
	}
	return found
}

// holding returns the holdings of a version.
func (s situation) holding(v mutablelayout.Header) situation {
	return s.where(func(h Holding) bool { return h.Version == v })
}

func (s situation) shnums() int {
	seen := make(map[int]bool)
	for _, h := range s {
		seen[h.Shnum] = true
	}
	return len(seen)
}

func (s situation) servers() int {
	seen := make(map[grid.ServerID]bool)
	for _, h := range s {
		seen[h.Server] = true
	}
	return len(seen)
}

// quorum reports whether part, if all of it had a version of this shape, made
// that version established: any two parts that do have a share in common.
func (s situation) quorum(shape mutablelayout.Header, part situation) bool {
	return part.shnums() >= neededShares(shape) && part.servers()*2 > s.servers()
}

// neededShares is how many different shares make a version established.
func neededShares(shape mutablelayout.Header) int { return max(shape.K, shape.N/2+1) }

// recoverable reports whether enough servers answered with shares of v.
func (s situation) recoverable(v mutablelayout.Header) bool {
	here := s.where(func(h Holding) bool { return h.Version == v && h.Here })
	return here.shnums() >= v.K
}

// possible returns the holdings that have v, may have it without our knowledge,
// or may still get it from a writer that saw them hold an older version.
func (s situation) possible(v mutablelayout.Header) situation {
	return s.where(func(h Holding) bool { return h.Version == v || h.Version.Seqnum < v.Seqnum && h.Shnum < v.N })
}

// decide is Decide for the versions of a round and below.
func (s situation) decide(round uint64) (Decision, error) {
	top := s.where(func(h Holding) bool { return h.Version.Seqnum == round })
	var open []mutablelayout.Header // may be established yet
	for _, v := range top.versions() {
		if s.quorum(v, s.holding(v)) {
			if !s.recoverable(v) {
				return Decision{}, s.noMajority() // its servers are away
			}
			return s.next(v, len(top.versions()) == 1), nil
		}
		if s.quorum(v, s.possible(v)) {
			open = append(open, v)
		}
	}
	if len(open) > 0 {
		return s.join(round, open)
	}
	return s.restart()
}

// next is the decision to begin the next round from an established version.
func (s situation) next(base mutablelayout.Header, alone bool) Decision {
	return Decision{
		Base: base, Settled: true, Alone: alone, Seqnum: s.round() + 1,
		Targets: s.indexes(func(h Holding) bool { return h.Here && h.Shnum < base.N }),
	}
}

// restart begins the next round where no version of this one can be established.
// Each of them contains all that was established before.
func (s situation) restart() (Decision, error) {
	for _, v := range s.versions() {
		if !s.recoverable(v) {
			continue
		}
		if v.Seqnum < s.round() {
			break // a newer one may have been complete once
		}
		return Decision{
			Base: v, Seqnum: s.round() + 1,
			Targets: s.indexes(func(h Holding) bool { return h.Here && h.Shnum < v.N }),
		}, nil
	}
	return Decision{}, s.unclear()
}

// join completes a version that may still be established.
func (s situation) join(round uint64, open []mutablelayout.Header) (Decision, error) {
	targets := s.indexes(func(h Holding) bool { return h.Here && h.Version.Seqnum < round })
	if len(targets) == 0 {
		return Decision{}, s.unclear() // only those who are away can tell
	}
	open = slices.DeleteFunc(open, func(v mutablelayout.Header) bool { return !s.recoverable(v) })
	if len(open) > 0 {
		most := slices.MaxFunc(open, func(a, b mutablelayout.Header) int {
			return cmp.Or(s.holding(a).shnums()-s.holding(b).shnums(), newestFirst(b, a))
		})
		targets = slices.DeleteFunc(targets, func(i int) bool { return s[i].Shnum >= most.N })
		if len(targets) == 0 {
			return Decision{}, s.unclear()
		}
		return Decision{Base: most, Seqnum: round, Targets: targets, Wait: true, Complete: true}, nil
	}
	return s.compete(round, targets)
}

// compete is join where what there is of the round cannot be read: the version
// below it gets a successor that takes part in the round.
func (s situation) compete(round uint64, targets []int) (Decision, error) {
	below := make(situation, len(s))
	for i, h := range s {
		if below[i] = h; h.Version.Seqnum == round { // may have held anything
			below[i].Version, below[i].Here = mutablelayout.Header{}, false
		}
	}
	if base, ok := below.base(); ok {
		return Decision{Base: base, Seqnum: round, Targets: targets, Wait: true}, nil
	}
	return Decision{}, s.unclear()
}

// base returns a version of the highest round that contains all that was
// established in it and before, if that can be told: the only one of the round
// that can be established, or any of it if none can.
func (s situation) base() (mutablelayout.Header, bool) {
	round := s.round()
	var open, readable []mutablelayout.Header
	for _, v := range s.versions() {
		if v.Seqnum < round {
			break
		}
		if s.quorum(v, s.holding(v)) {
			return v, s.recoverable(v)
		}
		if s.quorum(v, s.possible(v)) {
			open = append(open, v)
		}
		if s.recoverable(v) {
			readable = append(readable, v)
		}
	}
	unseen := s.where(func(h Holding) bool { return h.Version.Seqnum < round })
	if s.quorum(s.shape(), unseen) {
		return mutablelayout.Header{}, false // another one may be established there
	}
	if len(open) > 0 {
		return open[0], len(open) == 1 && slices.Contains(readable, open[0])
	}
	if len(readable) > 0 {
		return readable[0], true
	}
	return mutablelayout.Header{}, false
}

// unclear is the error where it takes more than what servers have answered to
// tell which version counts. If all have answered, somebody is writing, or several
// writers have stopped halfway.
func (s situation) unclear() error {
	if slices.ContainsFunc(s, func(h Holding) bool { return !h.Here }) {
		return s.noMajority()
	}
	return s.unrecoverable()
}

// lastResort is the decision where several writers have stopped halfway and left
// versions of which none can be told to count: the newest recoverable one, as in
// 1.20.
func lastResort(holdings []Holding) (Decision, bool) {
	s := situation(holdings)
	for _, v := range s.versions() {
		if s.recoverable(v) && !slices.ContainsFunc(s, func(h Holding) bool { return !h.Here }) {
			return Decision{
				Base: v, Seqnum: s.round() + 1,
				Targets: s.indexes(func(h Holding) bool { return h.Here && h.Shnum < v.N }),
			}, true
		}
	}
	return Decision{}, false
}

func (s situation) indexes(wanted func(Holding) bool) (found []int) {
	for i, h := range s {
		if wanted(h) {
			found = append(found, i)
		}
	}
	return found
}

func (s situation) noMajority() error {
	here := s.where(func(h Holding) bool { return h.Here })
	return &NoMajorityError{
		Servers: here.servers(), AllServers: s.servers(),
		Shares: here.shnums(), NeededShares: neededShares(s.shape()),
	}
}

func (s situation) unrecoverable() error {
	best := &UnrecoverableError{}
	for _, v := range s.versions() {
		n := s.where(func(h Holding) bool { return h.Version == v && h.Here }).shnums()
		if best.Needed == 0 || n > best.Found {
			best.Found, best.Needed = n, v.K
		}
	}
	return best
}
