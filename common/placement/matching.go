package placement

// none marks a server or share without a partner.
const none = -1

// matching is a matching between servers and shares that grows by augmenting
// paths until it is maximum. Both sides are small dense integers; S is the type
// of shares.
//
// A path is searched breadth first and without recursion. Every search starts
// at one server; a server once matched stays matched (its partner may change),
// so the servers tried first are the ones preferred, as
// servers-of-happiness.rst asks ("prefer earlier servers").
type matching[S ~int] struct {
	edges    [][]S // edges[server] = shares the server may take
	shareOf  []S   // partner of each server, or none
	serverOf []int // partner of each share, or none

	// dead marks shares from which no free share can be reached. Failed
	// searches leave them behind: no later search can succeed through them
	// unless edges are added (a Hungarian tree stays barren), which keeps many
	// failing searches from costing as much as the first.
	dead []bool

	queue  []int // servers whose edges are still to be looked at
	parent []int // parent[share] = server from which the search reached it
	seen   []S   // shares reached by this search, to be reset or declared dead
}

// newMatching starts an empty matching over edges, whose share numbers must
// be below numShares. The edges are borrowed, not copied.
func newMatching[S ~int](edges [][]S, numShares int) *matching[S] {
	return &matching[S]{
		edges:    edges,
		shareOf:  filled[S](len(edges)),
		serverOf: filled[int](numShares),
		dead:     make([]bool, numShares),
		parent:   filled[int](numShares),
	}
}

// filled makes n times none.
func filled[T ~int](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// augment tries to match server, moving the partners of others if needed.
func (m *matching[S]) augment(server int) bool {
	m.queue = append(m.queue[:0], server)
	m.seen = m.seen[:0]
	for head := 0; head < len(m.queue); head++ {
		if free := m.expand(m.queue[head]); free != none {
			m.flip(free)
			m.forget()
			return true
		}
	}
	for _, share := range m.seen {
		m.dead[share] = true
	}
	return false
}

// expand reaches all shares of one server; it answers a free one if there is
// any and queues the partners of the others.
func (m *matching[S]) expand(server int) S {
	for _, share := range m.edges[server] {
		if m.dead[share] || m.parent[share] != none {
			continue
		}
		m.parent[share] = server
		m.seen = append(m.seen, share)
		if m.serverOf[share] == none {
			return share
		}
		m.queue = append(m.queue, m.serverOf[share])
	}
	return none
}

// flip makes the path that ends in a free share part of the matching.
func (m *matching[S]) flip(share S) {
	for share != none {
		server := m.parent[share]
		previous := m.shareOf[server]
		m.shareOf[server], m.serverOf[share] = share, server
		share = previous
	}
}

// forget prepares for the next search.
func (m *matching[S]) forget() {
	for _, share := range m.seen {
		m.parent[share] = none
	}
}

// size is the number of matched pairs.
func (m *matching[S]) size() int {
	n := 0
	for _, share := range m.shareOf {
		if share != none {
			n++
		}
	}
	return n
}
