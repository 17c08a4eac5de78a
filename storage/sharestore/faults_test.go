package sharestore_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// A scenario is a row of steps that goes through both write paths. It is run
// once for every call of the file system that it makes, and that call fails, or
// the power goes. A model knows what each share may be afterwards: what was
// acknowledged, or, for a step that was not, the old or the new.

type shareID struct {
	si grid.StorageIndex
	n  grid.ShareNum
}

// absent is what the model calls a share that is not there.
const absent = "(absent)"

// step changes shares to what after says.
type step struct {
	name  string
	after map[shareID]string
	run   func(t *testing.T, s *sharestore.Store) error
}

var (
	siA = grid.StorageIndex{0: 1, 15: 1}
	siB = grid.StorageIndex{0: 1, 15: 2} // with the prefix of siA
	siC = grid.StorageIndex{0: 99}
	siM = grid.StorageIndex{0: 50}
	siN = grid.StorageIndex{0: 51}
)

func scenario() []step {
	long, longer := strings.Repeat("mutable", 100), strings.Repeat("changed ", 400)
	return []step{
		upload(siA, 0, "immutable data of share 0"),
		upload(siA, 1, strings.Repeat("immutable data of share 1", 50)),
		upload(siB, 0, "the prefix is there already"),
		upload(siC, 7, ""),
		lease(siA, 'b'), lease(siA, 'c'), lease(siA, 'b'),
		aborted(siB, 1),
		slot(siM, map[grid.ShareNum]string{0: long, 1: "one"}),
		slot(siM, map[grid.ShareNum]string{0: longer}),
		slot(siM, map[grid.ShareNum]string{0: "shorter", 2: "new"}),
		lease(siM, 'b'), lease(siM, 'c'), lease(siM, 'd'), lease(siM, 'e'), lease(siM, 'f'),
		slot(siM, map[grid.ShareNum]string{0: longer + "with five leases"}),
		slot(siM, map[grid.ShareNum]string{1: absent, 2: "kept"}),
		slot(siM, map[grid.ShareNum]string{0: absent, 2: absent}),
		slot(siM, map[grid.ShareNum]string{0: "made again"}),
		slot(siN, map[grid.ShareNum]string{3: "another slot"}),
		upload(siA, 2, "a third share"),
	}
}

func upload(si grid.StorageIndex, n grid.ShareNum, data string) step {
	return step{fmt.Sprint("upload ", n), map[shareID]string{{si, n}: data}, func(t *testing.T, s *sharestore.Store) error {
		a, err := s.AllocateBuckets(t.Context(), si, storagetest.Lease('a'), []grid.ShareNum{n}, int64(len(data)))
		if err != nil {
			return err
		}
		w := a.Writers[n]
		if w == nil {
			return fmt.Errorf("not allocated")
		}
		half := len(data) / 2
		for at, part := range map[int]string{0: data[:half], half: data[half:]} {
			if err := w.Write(t.Context(), int64(at), []byte(part)); err != nil {
				require.NoError(t, w.Abort(t.Context()))
				return err
			}
		}
		return w.Close(t.Context())
	}}
}

func aborted(si grid.StorageIndex, n grid.ShareNum) step {
	return step{"abort", nil, func(t *testing.T, s *sharestore.Store) error {
		a, err := s.AllocateBuckets(t.Context(), si, storagetest.Lease('a'), []grid.ShareNum{n}, 10)
		if err != nil {
			return err
		}
		for _, w := range a.Writers {
			_ = w.Write(t.Context(), 0, []byte("part"))
			return w.Abort(t.Context())
		}
		return nil
	}}
}

func lease(si grid.StorageIndex, client byte) step {
	return step{"lease " + string(client), nil, func(t *testing.T, s *sharestore.Store) error {
		return s.AddLease(t.Context(), si, storagetest.Lease(client))
	}}
}

func slot(si grid.StorageIndex, shares map[grid.ShareNum]string) step {
	after, writes := map[shareID]string{}, map[grid.ShareNum]grid.SlotWrite{}
	for n, data := range shares {
		after[shareID{si, n}] = data
		length := int64(len(data))
		writes[n] = grid.SlotWrite{Writes: []grid.WriteVector{{Offset: 0, Data: []byte(data)}}, NewLength: &length}
		if data == absent {
			writes[n] = grid.SlotWrite{NewLength: storagetest.Length(0)}
		}
	}
	return step{fmt.Sprint("slot ", slices.Sorted(maps.Keys(shares))), after, func(t *testing.T, s *sharestore.Store) error {
		_, err := s.SlotTestvAndReadvAndWritev(t.Context(), si, storagetest.Secrets('a'), writes, nil)
		return err
	}}
}

// model knows for each share what it may be.
type model map[shareID]map[string]bool

func (m model) acknowledged(st step) {
	for id, data := range st.after {
		m[id] = map[string]bool{data: true}
	}
}

// uncertain is for a step that was not acknowledged.
func (m model) uncertain(st step) {
	for id, data := range st.after {
		if m[id] == nil {
			m[id] = map[string]bool{absent: true}
		}
		m[id][data] = true
	}
}

// holds compares a store with the model.
func (m model) holds(t *testing.T, s *sharestore.Store, what string) {
	t.Helper()
	for id, possible := range m {
		data := readShare(t, s, id)
		if !possible[data] {
			require.Fail(t, "neither what was acknowledged nor the old or the new",
				"%s: share %v of %v is %.60q, may be %.60q", what, id.n, id.si, data, slices.Collect(maps.Keys(possible)))
		}
	}
}

func readShare(t *testing.T, s *sharestore.Store, id shareID) string {
	t.Helper()
	kind := grid.Immutable
	if id.si == siM || id.si == siN {
		kind = grid.Mutable
	}
	r, err := s.OpenShare(t.Context(), kind, id.si, id.n)
	if err != nil {
		require.ErrorIs(t, err, grid.ErrNoShare)
		return absent
	}
	b := make([]byte, r.Size()+10)
	n, err := r.Read(t.Context(), b, 0)
	require.NoError(t, err)
	require.EqualValues(t, r.Size(), n)
	return string(b[:n])
}

// run opens a store in memory, goes through the scenario, and returns what may
// be stored. hook is set when the store is open.
func run(t *testing.T, m *sharefs.Mem, hook func(sharefs.Call) sharefs.Fault) (model, int) {
	s, err := sharestore.Open(config(m))
	require.NoError(t, err)
	synctest.Wait() // for the index
	first := m.Calls()
	m.OnCall(func(c sharefs.Call) sharefs.Fault {
		c.Seq -= first
		return hook(c)
	})
	known := model{}
	for _, st := range scenario() {
		if err := st.run(t, s); err != nil {
			known.uncertain(st)
		} else {
			known.acknowledged(st)
		}
	}
	calls := m.Calls() - first
	if !hook(sharefs.Call{Seq: -1}).Crash {
		known.holds(t, s, "before closing")
	}
	require.NoError(t, s.Close())
	return known, calls
}

// reopened opens what is left of a disk and looks at everything.
func reopened(t *testing.T, m *sharefs.Mem, known model, what string) {
	t.Helper()
	m.OnCall(nil)
	s, err := sharestore.Open(config(m))
	require.NoError(t, err, what)
	names, err := m.ReadDir(sharecontainer.IncomingDir)
	require.NoError(t, err)
	require.Empty(t, names, "%s: incoming is clean", what)
	synctest.Wait()
	totals := s.Totals()
	require.True(t, totals.Complete)
	known.holds(t, s, what)
	present := int64(0)
	for id := range known {
		if readShare(t, s, id) != absent {
			present++
		}
	}
	require.Equal(t, present, totals.ImmutableShares+totals.MutableShares, "%s: shares in the index", what)
	// It goes on: every step can be done now.
	for _, st := range scenario() {
		if strings.HasPrefix(st.name, "upload") && readShare(t, s, firstID(st)) != absent {
			continue
		}
		require.NoError(t, st.run(t, s), "%s: %s", what, st.name)
	}
	require.NoError(t, s.Close())
}

func firstID(st step) shareID {
	for id := range st.after {
		return id
	}
	return shareID{}
}

// numCalls is how many calls the scenario makes.
func numCalls(t *testing.T) (calls int) {
	synctest.Test(t, func(t *testing.T) {
		m := sharefs.NewMem(1 << 30)
		known, n := run(t, m, func(sharefs.Call) sharefs.Fault { return sharefs.Fault{} })
		calls = n
		for id, possible := range known {
			require.Len(t, possible, 1, "%v: without faults everything is certain", id)
		}
		reopened(t, m.Crash(nil), known, "power cut at the end")
	})
	return calls
}

func TestPowerCutAtEveryCall(t *testing.T) {
	for at := range numCalls(t) {
		for seed := range uint64(4) {
			synctest.Test(t, func(t *testing.T) {
				m := sharefs.NewMem(1 << 30)
				var last sharefs.Call
				known, _ := run(t, m, func(c sharefs.Call) sharefs.Fault {
					if c.Seq == at {
						last = c
					}
					return sharefs.Fault{Crash: c.Seq == at || c.Seq == -1}
				})
				what := fmt.Sprintf("power cut at call %d (%s %s), seed %d", at, last.Op, last.Name, seed)
				reopened(t, m.Crash(keep(seed)), known, what)
			})
		}
	}
}

// keep is what a disk keeps of what was not synced: nothing, everything, or
// half of it.
func keep(seed uint64) func() bool {
	switch seed {
	case 0:
		return nil
	case 1:
		return func() bool { return true }
	}
	return sharefs.Half(seed)
}

func TestErrorAtEveryCall(t *testing.T) {
	faults := []struct {
		name  string
		fault sharefs.Fault
	}{
		{"EIO", sharefs.Fault{Err: sharefs.ErrIO}},
		{"ENOSPC after a short write", sharefs.Fault{Err: sharefs.ErrFull, Short: 3}},
	}
	for at := range numCalls(t) {
		for _, row := range faults {
			synctest.Test(t, func(t *testing.T) {
				m := sharefs.NewMem(1 << 30)
				var failed sharefs.Call
				known, _ := run(t, m, func(c sharefs.Call) sharefs.Fault {
					if c.Seq != at {
						return sharefs.Fault{}
					}
					failed = c
					return row.fault
				})
				what := fmt.Sprintf("%s at call %d (%s %s)", row.name, at, failed.Op, failed.Name)
				reopened(t, m, known, what)
			})
			synctest.Test(t, func(t *testing.T) {
				m := sharefs.NewMem(1 << 30)
				known, _ := run(t, m, func(c sharefs.Call) sharefs.Fault {
					if c.Seq != at {
						return sharefs.Fault{}
					}
					return row.fault
				})
				reopened(t, m.Crash(nil), known, fmt.Sprintf("%s at call %d, then a power cut", row.name, at))
			})
		}
	}
}

// A disk that fails from some call on, for good.
func TestBrokenDisk(t *testing.T) {
	for at := range numCalls(t) {
		synctest.Test(t, func(t *testing.T) {
			m := sharefs.NewMem(1 << 30)
			known, _ := run(t, m, func(c sharefs.Call) sharefs.Fault {
				writes := strings.Contains("write truncate sync syncdir syncall create mkdir rename remove", c.Op)
				if c.Seq < at || !writes {
					return sharefs.Fault{}
				}
				return sharefs.Fault{Err: sharefs.ErrIO}
			})
			reopened(t, m.Crash(sharefs.Half(uint64(at))), known, fmt.Sprint("broken from call ", at))
		})
	}
}
