package dirnode_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// model is what one gateway was told about the names that it alone uses.
type model struct {
	sure    map[string]string // names and contents that were acknowledged
	unsure  map[string]bool   // names of which nobody knows
	done    int
	refused int
	errs    []error
}

// work does random creations, replacements, renames and removals.
func (m *model) work(t *testing.T, d *dirnode.Directory, who, steps int, seed uint64, step func(i int)) {
	random := rand.New(rand.NewPCG(seed, uint64(who)))
	m.sure, m.unsure = map[string]string{}, map[string]bool{}
	for i := range steps {
		step(i)
		name := fmt.Sprintf("g%d-%d", who, i)
		known := slices.Sorted(maps.Keys(m.sure))
		var err error
		switch kind := random.IntN(4); {
		case kind <= 1 || len(known) == 0:
			if err = d.Link(t.Context(), name, file(name), nil, dirformat.Nothing); err == nil {
				m.sure[name] = name
			} else {
				m.unsure[name] = true
			}
		case kind == 2:
			old := known[random.IntN(len(known))]
			err = d.Move(t.Context(), old, d, name, dirformat.Nothing)
			content := m.sure[old]
			delete(m.sure, old)
			if err == nil {
				m.sure[name] = content
			} else {
				m.unsure[old], m.unsure[name] = true, true
			}
		default:
			old := known[random.IntN(len(known))]
			_, err = d.Unlink(t.Context(), dirnode.Unlink{Name: old})
			delete(m.sure, old)
			if err != nil {
				m.unsure[old] = true
			}
		}
		if m.done++; err != nil {
			m.refused++
			m.errs = append(m.errs, err)
			m.done--
		}
	}
}

// check compares the directory with what all gateways were told.
func check(t *testing.T, g *mutabletest.Grid, d *dirnode.Directory, models []*model) {
	o, err := newGateway(t, g, 3, 10).Open(d.Cap())
	require.NoError(t, err)
	l, err := o.List(t.Context())
	require.NoError(t, err)
	want := map[string]bool{}
	for _, m := range models {
		for name, content := range m.sure {
			e, err := l.Get(name)
			require.NoError(t, err, "lost")
			require.Equal(t, file(content).WriteText(), e.Child().WriteText())
			want[name] = true
		}
		for name := range m.unsure {
			want[name] = true
		}
	}
	for e := range l.All() {
		require.True(t, want[e.Name()], "%s came back", e.Name())
	}
}

func writers(t *testing.T, layout uri.Layout, servers, k, n, steps int, prepare func(gateways []*gateway) func(who, step int)) []*model {
	g := mutabletest.New(servers)
	d := create(t, newGateway(t, g, k, n), layout)
	models := []*model{{}, {}, {}}
	gateways := make([]*gateway, len(models))
	for i := range gateways {
		gateways[i] = newGateway(t, g, k, n)
		random := rand.New(rand.NewPCG(uint64(i), 5))
		var mu sync.Mutex
		gateways[i].view.Hook = func(context.Context, int, mutabletest.Op) error {
			mu.Lock()
			turns := random.IntN(20)
			mu.Unlock()
			for range turns {
				runtime.Gosched()
			}
			return nil
		}
	}
	step := prepare(gateways)
	var group sync.WaitGroup
	for i, m := range models {
		o, err := gateways[i].Open(d.Cap())
		require.NoError(t, err)
		group.Go(func() { m.work(t, o, i, steps, 1, func(at int) { step(i, at) }) })
	}
	group.Wait()
	for _, gw := range gateways {
		gw.view.Heal()
	}
	check(t, g, d, models)
	return models
}

func TestThreeWriters(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		for _, shape := range [][3]int{{3, 1, 3}, {4, 2, 4}} {
			t.Run(fmt.Sprint(layout, shape), func(t *testing.T) {
				models := writers(t, layout, shape[0], shape[1], shape[2], 40, func([]*gateway) func(int, int) {
					return func(int, int) {}
				})
				for _, m := range models {
					require.Empty(t, m.errs)
				}
			})
		}
	}
}

// One of three gateways is cut off from two of three servers for a while, in two
// ways: it notices or its calls fail.
func TestWriterCutOff(t *testing.T) {
	for name, cut := range map[string]func(*mutabletest.View){
		"noticed": func(v *mutabletest.View) { v.Leave(1, 2) }, "not noticed": func(v *mutabletest.View) { v.Cut(1, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			models := writers(t, uri.SDMF, 3, 1, 3, 60, func(gateways []*gateway) func(int, int) {
				return func(who, step int) {
					if who == 0 && step == 20 {
						cut(gateways[0].view)
					}
					if who == 0 && step == 40 {
						gateways[0].view.Heal()
					}
				}
			})
			require.GreaterOrEqual(t, models[0].refused, 20, "it refuses while it is cut off")
			require.NotZero(t, models[0].done)
			require.Empty(t, models[1].errs)
			require.Empty(t, models[2].errs)
		})
	}
}
