package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// pair has a node of each program, Python's first.
type pair [2]*node

func (p pair) stop() {
	for _, n := range p {
		if n != nil {
			n.stop()
		}
	}
}

// grids are an introducer and a storage node of each program; each storage node
// is connected to the introducer of its kind.
type grids struct{ introducers, storage pair }

func (g *grids) stop() { g.storage.stop(); g.introducers.stop() }

// measure does all parts. The order of rows is that of the issue.
func measure(ctx context.Context, o options, dir string) ([]row, error) {
	programs, err := newPrograms(ctx, dir)
	if err != nil {
		return nil, err
	}
	var rows []row
	add := func(part string, do func() ([]row, error)) error {
		if !o.wants(part) || err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "measuring:", part)
		var more []row
		more, err = do()
		rows = append(rows, more...)
		return err
	}
	// Idle memory first, while nothing has been done.
	var g grids
	defer g.stop()
	if o.only != "start" {
		if g, err = startGrids(ctx, programs); err != nil {
			return nil, err
		}
	}
	_ = add("memory", func() ([]row, error) { return idleMemory(ctx, g) })
	for _, protocol := range o.protocols {
		_ = add("memory", func() ([]row, error) { return writingMemory(ctx, o, g.storage, protocol) })
		_ = add("bulk", func() ([]row, error) { return bulk(ctx, o, g.storage, protocol) })
		_ = add("small", func() ([]row, error) { return small(ctx, o, g.storage, protocol) })
	}
	g.stop()
	_ = add("start", func() ([]row, error) { return startWithShares(ctx, o, programs) })
	return rows, err
}

func startGrids(ctx context.Context, programs *programs) (g grids, err error) {
	for i, ours := range []bool{false, true} {
		name := map[bool]string{false: "python", true: "ours"}[ours]
		if g.introducers[i], err = programs.newNode(introducerRole, name+"-introducer", ours, ""); err != nil {
			return g, err
		}
		if err := g.introducers[i].start(ctx); err != nil {
			return g, err
		}
		address, err := g.introducers[i].furl("introducer.furl")
		if err != nil {
			return g, err
		}
		if g.storage[i], err = programs.newNode(storageRole, name+"-storage", ours, address); err != nil {
			return g, err
		}
		if err := g.storage[i].start(ctx); err != nil {
			return g, err
		}
	}
	return g, nil
}

// settleTime is how long idle nodes are left alone before they are looked at.
const settleTime = 8 * time.Second

func idleMemory(ctx context.Context, g grids) ([]row, error) {
	if err := sleep(ctx, settleTime); err != nil {
		return nil, err
	}
	rows := []row{
		{What: "introducer, idle, with one node connected", Unit: "MiB resident", Goal: goal{Text: "≤ 16 MiB", Max: 16}},
		{What: "storage, idle", Unit: "MiB resident", Goal: goal{Text: "≤ 20 MiB", Max: 20}},
	}
	for i, nodes := range []pair{g.introducers, g.storage} {
		if err := compare(&rows[i], nodes, func(n *node) (float64, error) { return memoryMiB(n.pid(), resident) }); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// compare sets the values of both programs.
func compare(r *row, nodes pair, value func(*node) (float64, error)) (err error) {
	if r.Python, err = value(nodes[0]); err != nil {
		return err
	}
	r.Ours, err = value(nodes[1])
	return err
}

// writingMemory is the peak while many clients write large shares.
func writingMemory(ctx context.Context, o options, nodes pair, protocol string) ([]row, error) {
	r := row{
		What: fmt.Sprintf("storage, peak, %d clients write, %s", o.writers, protocol), Unit: "MiB resident",
		Goal: goal{Text: "≤ 64 MiB", Max: 64},
	}
	err := compare(&r, nodes, func(n *node) (float64, error) {
		if err := resetPeak(n.pid()); err != nil {
			return 0, err
		}
		u, err := newUse(ctx, n, protocol, o.writers)
		if err != nil {
			return 0, err
		}
		defer u.end()
		if err := u.write(ctx, o, 2*o.bulkShares); err != nil {
			return 0, err
		}
		return memoryMiB(n.pid(), residentPeak)
	})
	return []row{r}, err
}

// use is what clients do with a node, and what that took.
type use struct {
	node    *node
	clients []client
	data    []byte
	buffers [][]byte
	stored  []grid.StorageIndex
}

func newUse(ctx context.Context, n *node, protocol string, clients int) (*use, error) {
	connected, err := connect(ctx, n, protocol, clients)
	if err != nil {
		return nil, fmt.Errorf("%s over %s: %w", n, protocol, err)
	}
	return &use{node: n, clients: connected, buffers: make([][]byte, clients)}, nil
}

func (u *use) end() { closeAll(u.clients) }

// write stores new shares.
func (u *use) write(ctx context.Context, o options, count int) error {
	u.data = noise(o.shareSize)
	u.stored = make([]grid.StorageIndex, count)
	err := shareOut(ctx, u.clients, count, func(ctx context.Context, c client, _, i int) error {
		u.stored[i] = freshSI()
		return storeShare(ctx, c, u.stored[i], u.data, o.writePiece)
	})
	return u.wrap(err)
}

// read reads what write has stored.
func (u *use) read(ctx context.Context, o options) error {
	for i := range u.buffers {
		u.buffers[i] = make([]byte, len(u.data))
	}
	err := shareOut(ctx, u.clients, len(u.stored), func(ctx context.Context, c client, worker, i int) error {
		return fetchShare(ctx, c, u.stored[i], u.data, u.buffers[worker], o.readPiece)
	})
	return u.wrap(err)
}

func (u *use) wrap(err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", u.node, err)
	}
	return nil
}

// cost sums up elapsed and processor time of turns, in seconds.
type cost struct{ elapsed, cpu float64 }

// turn adds what do takes.
func (c *cost) turn(n *node, do func() error) error {
	before, err := cpuSeconds(n.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	c.elapsed += time.Since(began).Seconds()
	after, err := cpuSeconds(n.pid())
	c.cpu += after - before
	return err
}

// bulk writes and reads large shares, in turns.
func bulk(ctx context.Context, o options, nodes pair, protocol string) ([]row, error) {
	var writes, reads [2]cost
	for range o.turns {
		for i, n := range nodes {
			if err := bulkTurn(ctx, o, n, protocol, &writes[i], &reads[i]); err != nil {
				return nil, err
			}
		}
	}
	mib := float64(o.turns*o.bulkShares*o.shareSize) / (1 << 20)
	return append(bulkRows(protocol+", write 1 MiB shares", mib, writes), bulkRows(protocol+", read 1 MiB shares", mib, reads)...), nil
}

func bulkTurn(ctx context.Context, o options, n *node, protocol string, writes, reads *cost) error {
	u, err := newUse(ctx, n, protocol, o.gateways)
	if err != nil {
		return err
	}
	defer u.end()
	if err := writes.turn(n, func() error { return u.write(ctx, o, o.bulkShares) }); err != nil {
		return err
	}
	return reads.turn(n, func() error { return u.read(ctx, o) })
}

func bulkRows(what string, mib float64, costs [2]cost) []row {
	return []row{{
		What: what, Unit: "MB/s", Goal: goal{Text: "≥ 2.5 ×", MinRatio: 2.5},
		Python: mib * 1.048576 / costs[0].elapsed, Ours: mib * 1.048576 / costs[1].elapsed,
	}, {
		What: what, Unit: "CPU s per 100 MiB", Goal: goal{Text: "≤ 0.5 ×", MaxRatio: 0.5},
		Python: costs[0].cpu / mib * 100, Ours: costs[1].cpu / mib * 100,
	}}
}

// small stores small shares with many clients, in turns.
func small(ctx context.Context, o options, nodes pair, protocol string) ([]row, error) {
	var costs [2]cost
	var done [2]float64
	data := noise(o.smallSize)
	for range o.turns {
		for i, n := range nodes {
			u, err := newUse(ctx, n, protocol, o.writers)
			if err != nil {
				return nil, err
			}
			count := o.smallOps[n.ours]
			err = costs[i].turn(n, func() error {
				return u.wrap(shareOut(ctx, u.clients, count, func(ctx context.Context, c client, _, _ int) error {
					return storeShare(ctx, c, freshSI(), data, o.writePiece)
				}))
			})
			u.end()
			if err != nil {
				return nil, err
			}
			done[i] += float64(count)
		}
	}
	what := fmt.Sprintf("%s, store %d KiB, %d clients", protocol, o.smallSize>>10, o.writers)
	return []row{
		{What: what, Unit: "shares/s", Python: done[0] / costs[0].elapsed, Ours: done[1] / costs[1].elapsed,
			Goal: goal{Text: "≥ 10 ×", MinRatio: 10}},
		{What: what, Unit: "CPU ms per share", Python: costs[0].cpu / done[0] * 1000, Ours: costs[1].cpu / done[1] * 1000},
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (n *node) pid() int { return n.cmd.Process.Pid }
