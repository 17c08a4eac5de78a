package dirnode_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// files keeps immutable files in memory.
type files struct {
	mu   sync.Mutex // guards data
	data map[string][]byte
	read int
}

func (f *files) ReadAll(_ context.Context, file uri.Cap, limit int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read++
	data, ok := f.data[file.Text()]
	if !ok || int64(len(data)) > limit {
		return nil, errors.New("no such file")
	}
	return bytes.Clone(data), nil
}

func (f *files) PutImmutable(_ context.Context, data []byte) (uri.Cap, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file := uri.CHK{Key: secret.NewImmutableKey([16]byte(data[:16])), UEBHash: taggedhash.Hash{1}, K: 1, N: 3, Size: int64(len(data))}
	f.data[file.Text()] = bytes.Clone(data)
	return file, nil
}

// gateway is a client with a view of the grid of its own.
type gateway struct {
	*dirnode.Client
	view  *mutabletest.View
	files *files
	now   time.Time
}

func newGateway(t testing.TB, g *mutabletest.Grid, k, n int) *gateway {
	gw := &gateway{view: g.View(), files: &files{data: map[string][]byte{}}, now: time.Unix(1000, 0)}
	m := mutable.New(mutable.Config{
		Servers: gw.view, Lease: secret.NewLeaseSecret([32]byte{1}),
		Params: grid.Params{K: k, Happy: 1, N: n}, Backoff: time.Millisecond,
	})
	gw.Client = dirnode.New(dirnode.Config{Mutable: m, Files: gw.files, Now: func() time.Time { return gw.now }})
	t.Cleanup(func() {
		gw.Close()
		m.Close()
	})
	return gw
}

// keys are made once for all tests.
var keys struct {
	sync.Mutex
	made []rsakey.PrivateKey
}

func key(t testing.TB, i int) rsakey.PrivateKey {
	keys.Lock()
	defer keys.Unlock()
	for len(keys.made) <= i {
		k, err := rsakey.Generate(nil)
		require.NoError(t, err)
		keys.made = append(keys.made, k)
	}
	return keys.made[i]
}

func create(t testing.TB, gw *gateway, layout uri.Layout, children ...dirnode.Initial) *dirnode.Directory {
	d, err := gw.CreateWithKey(t.Context(), layout, key(t, 0), children)
	require.NoError(t, err)
	return d
}

func file(content string) uri.Child { return uri.ChildOf(uri.NewLiteral([]byte(content))) }

// names lists a directory as another gateway sees it.
func names(t testing.TB, g *mutabletest.Grid, d *dirnode.Directory) (all []string) {
	o, err := newGateway(t, g, 3, 10).Open(d.Cap())
	require.NoError(t, err)
	l, err := o.List(t.Context())
	require.NoError(t, err)
	for e := range l.All() {
		require.NoError(t, e.Err())
		all = append(all, e.Name())
	}
	return all
}

func TestDirectory(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		t.Run(layout.String(), func(t *testing.T) { testDirectory(t, layout) })
	}
}

func testDirectory(t *testing.T, layout uri.Layout) {
	ctx := t.Context()
	g := mutabletest.New(4)
	gw := newGateway(t, g, 2, 4)
	root := create(t, gw, layout, dirnode.Initial{Name: "first", Child: file("1")})
	require.Equal(t, dirnode.Cap(layout, key(t, 0)).Text(), root.Cap().Text())
	require.True(t, root.Mutable())
	require.True(t, root.Writable())
	require.Equal(t, []string{"first"}, names(t, g, root))

	require.NoError(t, root.Link(ctx, "e\u0301", file("2"), nil, dirformat.Nothing))
	require.Equal(t, []string{"first", "\u00e9"}, names(t, g, root))
	require.ErrorAs(t, root.Link(ctx, "\u00e9", file("3"), nil, dirformat.Nothing), new(*dirformat.ExistsError))
	sub, err := root.Mkdir(ctx, "sub", layout, []dirnode.Initial{{Name: "inner", Child: file("x")}}, nil, dirformat.Nothing)
	require.NoError(t, err)
	require.Equal(t, []string{"inner"}, names(t, g, sub))
	_, err = root.Mkdir(ctx, "sub", layout, nil, nil, dirformat.Nothing)
	require.ErrorAs(t, err, new(*dirformat.ExistsError))
	require.ErrorAs(t, root.Link(ctx, "sub", file("3"), nil, dirformat.OnlyFiles), new(*dirformat.ExistsError))

	entry, err := root.Walk(ctx, "sub", "inner")
	require.NoError(t, err)
	require.Equal(t, file("x").WriteText(), entry.Child().WriteText())
	_, err = root.Walk(ctx, "sub", "nothing")
	require.ErrorAs(t, err, new(*dirformat.NotFoundError))
	_, err = root.Walk(ctx, "first", "inner")
	require.ErrorAs(t, err, new(*dirnode.NotDirectoryError))

	require.NoError(t, root.Move(ctx, "first", root, "second", dirformat.Nothing))
	require.NoError(t, root.Move(ctx, "second", sub, "moved", dirformat.Nothing))
	require.Equal(t, []string{"sub", "\u00e9"}, names(t, g, root))
	require.Equal(t, []string{"inner", "moved"}, names(t, g, sub))
	require.ErrorAs(t, sub.Move(ctx, "moved", root, "sub", dirformat.Nothing), new(*dirformat.ExistsError))
	require.Equal(t, []string{"inner", "moved"}, names(t, g, sub))
	require.ErrorAs(t, sub.Move(ctx, "none", root, "x", dirformat.Anything), new(*dirformat.NotFoundError))

	require.NoError(t, sub.SetChildren(ctx, dirnode.Link{Name: "a", Child: file("a")}, dirnode.Link{Name: "b", Child: file("b")}))
	require.Equal(t, []string{"a", "b", "inner", "moved"}, names(t, g, sub))
	m, err := dirformat.ParseMetadata([]byte(`{"k": "v"}`))
	require.NoError(t, err)
	gw.now = time.Unix(2000, 0)
	require.NoError(t, sub.SetMetadata(ctx, "a", m))
	entry, err = sub.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, `{"k": "v", "tahoe": {"linkcrtime": 1000.0, "linkmotime": 2000.0}}`, string(entry.Metadata().Append(nil)))

	_, err = root.Unlink(ctx, dirnode.Unlink{Name: "sub", MustBeFile: true})
	require.ErrorAs(t, err, new(*dirnode.WrongTypeError))
	old, err := root.Unlink(ctx, dirnode.Unlink{Name: "sub"})
	require.NoError(t, err)
	require.Equal(t, sub.Cap().Text(), old.Child().WriteText())
	_, err = root.Unlink(ctx, dirnode.Unlink{Name: "sub"})
	require.ErrorAs(t, err, new(*dirformat.NotFoundError))
	old, err = root.Unlink(ctx, dirnode.Unlink{Name: "sub", MayBeMissing: true})
	require.NoError(t, err)
	require.Empty(t, old.Name())
}

func TestReadOnlyDirectory(t *testing.T) {
	g := mutabletest.New(3)
	gw := newGateway(t, g, 1, 3)
	root := create(t, gw, uri.SDMF)
	sub, err := root.Mkdir(t.Context(), "sub", uri.SDMF, nil, nil, dirformat.Nothing)
	require.NoError(t, err)
	ro, err := gw.Open(root.Cap().ReadOnly())
	require.NoError(t, err)
	require.False(t, ro.Writable())
	e, err := ro.Get(t.Context(), "sub")
	require.NoError(t, err)
	require.Empty(t, e.Child().WriteText())
	require.Equal(t, sub.Cap().ReadOnly().Text(), e.Child().ReadText())
	for _, err := range []error{
		ro.Link(t.Context(), "x", file("1"), nil, dirformat.Anything),
		ro.Move(t.Context(), "sub", root, "x", dirformat.Anything),
		root.Move(t.Context(), "sub", ro, "x", dirformat.Anything),
		ro.SetMetadata(t.Context(), "sub", dirformat.Metadata{}),
	} {
		require.ErrorIs(t, err, dirnode.ErrNotWritable)
	}
	_, err = ro.Mkdir(t.Context(), "y", uri.SDMF, nil, nil, dirformat.Anything)
	require.ErrorIs(t, err, dirnode.ErrNotWritable)
	_, err = gw.Open(root.Cap().Verifier())
	require.ErrorAs(t, err, new(*dirnode.KindError))
	_, err = gw.Open(root.Cap().File())
	require.ErrorAs(t, err, new(*dirnode.KindError))
}

func TestImmutableDirectory(t *testing.T) {
	g := mutabletest.New(3)
	gw := newGateway(t, g, 1, 3)
	empty, err := gw.CreateImmutable(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "URI:DIR2-LIT:", empty.Cap().Text())
	l, err := empty.List(t.Context())
	require.NoError(t, err)
	require.Zero(t, l.Len())
	d, err := gw.CreateImmutable(t.Context(), []dirnode.Initial{
		{Name: "f", Child: file("1")}, {Name: "d", Child: uri.ChildOf(empty.Cap())}, {Name: "unknown", Child: uri.NewChild("", "imm.future", true)},
	})
	require.NoError(t, err)
	require.Equal(t, uri.KindDirCHK, d.Cap().Kind())
	for range 3 {
		l, err = d.List(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, l.Len())
	}
	require.Equal(t, 1, gw.files.read, "an immutable directory is read once")
	require.ErrorIs(t, d.Link(t.Context(), "x", file("1"), nil, dirformat.Anything), dirnode.ErrNotWritable)
	root := create(t, gw, uri.SDMF)
	_, err = gw.CreateImmutable(t.Context(), []dirnode.Initial{{Name: "x", Child: uri.ChildOf(root.Cap())}})
	require.ErrorIs(t, err, &uri.ConstraintError{Constraint: uri.MustBeDeepImmutable})
	made, err := root.MkdirImmutable(t.Context(), "i", []dirnode.Initial{{Name: "f", Child: file("1")}}, nil, dirformat.Nothing)
	require.NoError(t, err)
	child, err := root.Child(t.Context(), "i")
	require.NoError(t, err)
	require.Equal(t, made.Cap().Text(), child.Cap().Text())
	require.False(t, child.Mutable())
}

// Unknown caps pass through all changes.
func TestUnknownCapsStay(t *testing.T) {
	gw := newGateway(t, mutabletest.New(3), 1, 3)
	root := create(t, gw, uri.SDMF)
	require.NoError(t, root.Link(t.Context(), "u", uri.NewChild("future:rw", "ro.future:ro", false), nil, dirformat.Nothing))
	require.NoError(t, root.Move(t.Context(), "u", root, "v", dirformat.Nothing))
	e, err := root.Get(t.Context(), "v")
	require.NoError(t, err)
	require.Equal(t, "future:rw", e.Child().WriteText())
	require.Equal(t, "ro.future:ro", e.Child().ReadText())
}

// A directory that has not changed costs one small read from a majority; one that
// others changed is read again.
func TestRevalidation(t *testing.T) {
	g := mutabletest.New(3)
	a, b := newGateway(t, g, 1, 3), newGateway(t, g, 1, 3)
	da := create(t, a, uri.SDMF)
	db, err := b.Open(da.Cap())
	require.NoError(t, err)
	_, err = db.List(t.Context())
	require.NoError(t, err)
	_, err = db.List(t.Context())
	require.NoError(t, err)
	before := b.view.Calls(mutabletest.Readv)
	for range 10 {
		_, err = db.List(t.Context())
		require.NoError(t, err)
	}
	require.LessOrEqual(t, b.view.Calls(mutabletest.Readv)-before, 30, "one call to each server")
	require.NoError(t, da.Link(t.Context(), "x", file("1"), nil, dirformat.Nothing))
	l, err := db.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, l.Len())
	require.NoError(t, db.Link(t.Context(), "y", file("1"), nil, dirformat.Nothing))
	require.Equal(t, []string{"x", "y"}, names(t, g, da))
}

// Edits that wait for the same directory go into few versions.
func TestEditsArePublishedTogether(t *testing.T) {
	g := mutabletest.New(3)
	gw := newGateway(t, g, 1, 3)
	d := create(t, gw, uri.SDMF)
	hold := make(chan struct{})
	var once sync.Once
	held := make(chan struct{})
	gw.view.Hook = func(_ context.Context, _ int, op mutabletest.Op) error {
		if op == mutabletest.Writev {
			once.Do(func() { close(held) })
			<-hold
		}
		return nil
	}
	var group sync.WaitGroup
	link := func(i int) {
		group.Go(func() {
			require.NoError(t, d.Link(t.Context(), fmt.Sprintf("%03d", i), file("x"), nil, dirformat.Nothing))
		})
	}
	link(0)
	<-held
	for i := range 50 {
		link(i + 1)
	}
	close(hold)
	group.Wait()
	require.Len(t, names(t, g, d), 51)
	l, err := d.List(t.Context())
	require.NoError(t, err)
	require.Less(t, l.Version().Seqnum, uint64(52))
}

// Errors of the network reach all who wait; nobody hangs.
func TestNoMajority(t *testing.T) {
	g := mutabletest.New(3)
	gw := newGateway(t, g, 1, 3)
	d := create(t, gw, uri.SDMF)
	gw.view.Leave(1, 2)
	var few *mutable.NoMajorityError
	require.ErrorAs(t, d.Link(t.Context(), "x", file("1"), nil, dirformat.Nothing), &few)
	require.False(t, few.Unknown)
	_, err := d.List(t.Context())
	require.NoError(t, err, "one server is enough to read")
	gw.view.Heal()
	require.NoError(t, d.Link(t.Context(), "x", file("1"), nil, dirformat.Nothing))
	require.Equal(t, []string{"x"}, names(t, g, d))
}

// A caller that gives up does not hold up others.
func TestCallerGivesUp(t *testing.T) {
	g := mutabletest.New(3)
	gw := newGateway(t, g, 1, 3)
	d := create(t, gw, uri.SDMF)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, d.Link(ctx, "x", file("1"), nil, dirformat.Nothing), context.Canceled)
	require.NoError(t, d.Link(t.Context(), "y", file("1"), nil, dirformat.Nothing))
	require.Equal(t, []string{"y"}, names(t, g, d))
}
