package erasure

const (
	// lanes is the number of outputs that one table serves.
	lanes = 4
	// strip is how many byte positions are worked on at a time, so that the
	// accumulators, four tables and the slices in use stay in a 32 KiB cache.
	strip = 1024
)

// packedTable holds, for one input and four outputs, the products of the four
// coefficients with every byte value: product r in bits 8r..8r+7. One lookup
// serves four outputs. 1 KiB.
type packedTable [256]uint32

// packedGroup makes up to four outputs; it has one table for each input.
type packedGroup struct {
	tables []packedTable
	outs   int
}

// packedKernel is a kernel in portable Go for machines without vector
// instructions. Its tables take 1 KiB for each input and each group of four
// outputs: 6 KiB to encode 3-of-10, and never more than 4.2 MiB (near 128-of-256).
type packedKernel struct {
	ins    int
	groups []packedGroup
}

func newPackedKernel(rows [][]byte) *packedKernel {
	p := &packedKernel{ins: len(rows[0])}
	for len(rows) > 0 {
		n := min(lanes, len(rows))
		p.groups = append(p.groups, newPackedGroup(rows[:n]))
		rows = rows[n:]
	}
	return p
}

func newPackedGroup(rows [][]byte) packedGroup {
	g := packedGroup{tables: make([]packedTable, len(rows[0])), outs: len(rows)}
	for j := range g.tables {
		var c [lanes]byte
		for r, row := range rows {
			c[r] = row[j]
		}
		g.tables[j].fill(c)
	}
	return g
}

// fill computes the products of the powers of two and adds up the rest:
// multiplication distributes over xor.
func (t *packedTable) fill(c [lanes]byte) {
	for x := 1; x < len(t); x++ {
		if low := x & -x; low == x {
			for r := range c {
				t[x] |= uint32(gfMul(c[r], byte(x))) << (8 * r)
			}
		} else {
			t[x] = t[low] ^ t[x^low]
		}
	}
}

func (p *packedKernel) mul(slices [][]byte) error {
	var scratch packedScratch
	in, out := slices[:p.ins], slices[p.ins:]
	for i := range p.groups {
		g := &p.groups[i]
		g.mul(in, out[:g.outs], &scratch)
		out = out[g.outs:]
	}
	return nil
}

// packedScratch lives on the stack of one mul: accumulators for codes with many
// inputs, and a place for the lanes of a group that nobody wants.
type packedScratch struct {
	sums   [strip]uint32
	unused [strip]byte
}

func (g *packedGroup) mul(in, out [][]byte, s *packedScratch) {
	size := len(in[0])
	for from := 0; from < size; from += strip {
		to := min(from+strip, size)
		var o [lanes][]byte
		for r := range o {
			if r < g.outs {
				o[r] = out[r][from:to]
			} else {
				o[r] = s.unused[:to-from]
			}
		}
		g.mulStrip(in, &o, s, from, to)
	}
}

// mulStrip does positions from..to. The small codes that grids use get a loop of
// their own that needs no accumulators in memory.
func (g *packedGroup) mulStrip(in [][]byte, o *[lanes][]byte, s *packedScratch, from, to int) {
	t := g.tables
	switch len(in) {
	case 2:
		mul2(o, &t[0], &t[1], in[0][from:to], in[1][from:to])
		return
	case 3:
		mul3(o, &t[0], &t[1], &t[2], in[0][from:to], in[1][from:to], in[2][from:to])
		return
	}
	sums := s.sums[:to-from]
	clear(sums)
	j := 0
	for ; j+4 <= len(in); j += 4 {
		add4(sums, (*[4]packedTable)(t[j:]), in[j][from:to], in[j+1][from:to], in[j+2][from:to], in[j+3][from:to])
	}
	for ; j < len(in); j++ {
		add1(sums, &t[j], in[j][from:to])
	}
	unpack(o, sums)
}

func mul2(o *[lanes][]byte, t0, t1 *packedTable, a, b []byte) {
	n := len(a)
	b = b[:n]
	o0, o1, o2, o3 := o[0][:n], o[1][:n], o[2][:n], o[3][:n]
	for i := range a {
		v := t0[a[i]] ^ t1[b[i]]
		o0[i] = byte(v)
		o1[i] = byte(v >> 8)
		o2[i] = byte(v >> 16)
		o3[i] = byte(v >> 24)
	}
}

func mul3(o *[lanes][]byte, t0, t1, t2 *packedTable, a, b, c []byte) {
	n := len(a)
	b, c = b[:n], c[:n]
	o0, o1, o2, o3 := o[0][:n], o[1][:n], o[2][:n], o[3][:n]
	for i := range a {
		v := t0[a[i]] ^ t1[b[i]] ^ t2[c[i]]
		o0[i] = byte(v)
		o1[i] = byte(v >> 8)
		o2[i] = byte(v >> 16)
		o3[i] = byte(v >> 24)
	}
}

func add4(sums []uint32, t *[4]packedTable, a, b, c, d []byte) {
	n := len(sums)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	t0, t1, t2, t3 := &t[0], &t[1], &t[2], &t[3]
	for i := range sums {
		sums[i] ^= t0[a[i]] ^ t1[b[i]] ^ t2[c[i]] ^ t3[d[i]]
	}
}

func add1(sums []uint32, t *packedTable, a []byte) {
	a = a[:len(sums)]
	for i := range sums {
		sums[i] ^= t[a[i]]
	}
}

func unpack(o *[lanes][]byte, sums []uint32) {
	n := len(sums)
	o0, o1, o2, o3 := o[0][:n], o[1][:n], o[2][:n], o[3][:n]
	for i, v := range sums {
		o0[i] = byte(v)
		o1[i] = byte(v >> 8)
		o2[i] = byte(v >> 16)
		o3[i] = byte(v >> 24)
	}
}
