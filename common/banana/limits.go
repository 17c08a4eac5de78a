package banana

import "math"

// Limits bound what a peer can make a Reader hold for one message.
type Limits struct {
	// Message is the memory of one message in bytes: its strings, and nodeSize
	// for each value.
	Message int64
	// String is the size of the longest STRING in bytes.
	String int64
	// Depth is how deep sequences nest, the message itself being 1.
	Depth int
}

// DefaultLimits are generous for Tahoe: its largest messages carry a share of a
// small mutable file or a few segments of a large one.
var DefaultLimits = Limits{Message: 32 << 20, String: 32 << 20, Depth: 50}

const (
	// nodeSize is what each value is charged, its place in its parent included.
	nodeSize = 64
	// eagerSize is how much memory is allocated because a peer announces so many
	// bytes; more only as they come in. Clients of 1.20 write shares in pieces of
	// 1000000 bytes and what a block has beyond: with three shares needed that is
	// a little more than 1 MiB, which is not to be copied.
	eagerSize = 3 << 19
	// reserveStep is the unit in which memory is asked for; the first such unit
	// of a message is free, so that small calls cost no accounting.
	reserveStep = 4 << 10
)

// meter charges what the message at hand takes.
type meter struct {
	limits   Limits
	reserve  func(int64) error
	charged  int64
	reserved int64
	nodes    int64 // values so far; a reference counts as all it stands for
}

func (m *meter) reset(limits Limits) {
	m.limits = limits
	m.charged, m.reserved, m.nodes = 0, 0, 0
}

// bytes charges n more bytes.
func (m *meter) bytes(n int64) error {
	if n > m.limits.Message-m.charged {
		return Violationf("message too large: more than %d bytes", m.limits.Message)
	}
	m.charged += n
	over := m.charged - reserveStep - m.reserved
	if over <= 0 || m.reserve == nil {
		return nil
	}
	over = (over + reserveStep - 1) / reserveStep * reserveStep
	if err := m.reserve(over); err != nil {
		return err
	}
	m.reserved += over
	return nil
}

// values charges n more values.
func (m *meter) values(n int64) error {
	if n > math.MaxInt64/nodeSize {
		return Violationf("message too large: more than %d bytes", m.limits.Message)
	}
	m.nodes += n
	return m.bytes(n * nodeSize)
}
