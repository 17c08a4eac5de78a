package dirnode

import (
	"embed"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

var access = dirformat.Writable(secret.NewWriteKey([16]byte{1}))

func file(content string) uri.Child { return uri.ChildOf(uri.NewLiteral([]byte(content))) }

func directory(t *testing.T) uri.Child {
	dir, err := uri.NewDirectory(uri.NewLiteral(nil))
	require.NoError(t, err)
	return uri.ChildOf(dir)
}

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// table makes a table of files; the content of each is its name.
func table(t *testing.T, names ...string) *dirformat.Table {
	table := dirformat.New(access)
	for _, name := range names {
		require.NoError(t, table.Link(name, file(name), nil, at(0), dirformat.Anything))
	}
	return table
}

// show lists names and contents.
func show(t *dirformat.Table) (all []string) {
	for e := range t.All() {
		content := "?"
		if known, ok := e.Child().Known(); ok {
			if l, ok := known.(uri.Literal); ok {
				content = string(l.Data.Reveal())
			}
		}
		all = append(all, e.Name()+"="+content)
	}
	return all
}

func metadata(t *testing.T, text string) dirformat.Metadata {
	m, err := dirformat.ParseMetadata([]byte(text))
	require.NoError(t, err)
	return m
}

func TestOperations(t *testing.T) {
	exists, missing, wrong := new(*dirformat.ExistsError), new(*dirformat.NotFoundError), new(*WrongTypeError)
	tests := []struct {
		name string
		do   Operation
		want []string // nil: as before
		err  any
	}{
		{"link", Link{Name: "x", Child: file("1")}, []string{"a=a", "b=b", "d=?", "x=1"}, nil},
		{"link in normal form C", Link{Name: "e\u0301", Child: file("1")}, []string{"a=a", "b=b", "d=?", "\u00e9=1"}, nil},
		{"replace", Link{Name: "a", Child: file("1")}, []string{"a=1", "b=b", "d=?"}, nil},
		{"replace a directory", Link{Name: "d", Child: file("1")}, []string{"a=a", "b=b", "d=1"}, nil},
		{"not replace", Link{Name: "a", Child: file("1"), Overwrite: dirformat.Nothing}, nil, exists},
		{"replace files only", Link{Name: "a", Child: file("1"), Overwrite: dirformat.OnlyFiles}, []string{"a=1", "b=b", "d=?"}, nil},
		{"not replace a directory", Link{Name: "d", Child: file("1"), Overwrite: dirformat.OnlyFiles}, nil, exists},
		{"bad name", Link{Name: "\xff", Child: file("1")}, nil, new(*dirformat.NameError)},
		{"several", SetChildren{{Name: "x", Child: file("1")}, {Name: "a", Child: file("2")}}, []string{"a=2", "b=b", "d=?", "x=1"}, nil},
		{"several or none", SetChildren{{Name: "x", Child: file("1")}, {Name: "a", Child: file("2"), Overwrite: dirformat.Nothing}}, nil, exists},
		{"no children", SetChildren{}, nil, nil},
		{"unlink", Unlink{Name: "a"}, []string{"b=b", "d=?"}, nil},
		{"unlink nothing", Unlink{Name: "x"}, nil, missing},
		{"unlink what may be missing", Unlink{Name: "x", MayBeMissing: true}, nil, nil},
		{"unlink a file", Unlink{Name: "a", MustBeFile: true}, []string{"b=b", "d=?"}, nil},
		{"unlink no directory", Unlink{Name: "a", MustBeDirectory: true}, nil, wrong},
		{"unlink a directory", Unlink{Name: "d", MustBeDirectory: true}, []string{"a=a", "b=b"}, nil},
		{"unlink no file", Unlink{Name: "d", MustBeFile: true}, nil, wrong},
		{"rename", Rename{From: "a", To: "x"}, []string{"b=b", "d=?", "x=a"}, nil},
		{"rename over", Rename{From: "a", To: "b"}, []string{"b=a", "d=?"}, nil},
		{"rename not over", Rename{From: "a", To: "b", Overwrite: dirformat.Nothing}, nil, exists},
		{"rename not over a directory", Rename{From: "a", To: "d", Overwrite: dirformat.OnlyFiles}, nil, exists},
		{"rename nothing", Rename{From: "x", To: "b"}, nil, missing},
		{"rename to itself", Rename{From: "a", To: "a", Overwrite: dirformat.Nothing}, nil, nil},
		{"metadata of nothing", SetMetadata{Name: "x"}, nil, missing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := table(t, "a", "b")
			require.NoError(t, base.Link("d", directory(t), nil, at(0), dirformat.Anything))
			before := base.Append(nil)
			e := NewEdit(test.do, at(1))
			var b Batch
			b.Add(e)
			changed := b.Evaluate(base)
			require.Equal(t, test.want != nil, changed)
			require.Equal(t, changed, e.Result().Changed)
			if test.err != nil {
				require.ErrorAs(t, e.Result().Err, test.err)
			} else {
				require.NoError(t, e.Result().Err)
			}
			if test.want == nil {
				require.Equal(t, before, base.Append(nil))
				return
			}
			require.Equal(t, test.want, show(base))
			result := e.Result()
			require.False(t, b.Evaluate(base), "seen again, it holds")
			require.Equal(t, result, e.Result())
		})
	}
}

func TestMetadataAndTimes(t *testing.T) {
	base := dirformat.New(access)
	given := metadata(t, `{"a": 1, "tahoe": {"x": 2}}`)
	evaluate(base, NewEdit(Link{Name: "n", Child: file("1"), Metadata: &given}, at(10)))
	evaluate(base, NewEdit(SetMetadata{Name: "n", Metadata: metadata(t, `{"b": 2}`)}, at(20)))
	e, err := base.Get("n")
	require.NoError(t, err)
	require.Equal(t, `{"b": 2, "tahoe": {"linkcrtime": 10.0, "linkmotime": 20.0}}`, string(e.Metadata().Append(nil)))
	evaluate(base, NewEdit(Rename{From: "n", To: "m"}, at(30)))
	e, err = base.Get("m")
	require.NoError(t, err)
	require.Equal(t, `{"b": 2, "tahoe": {"linkcrtime": 30.0, "linkmotime": 30.0}}`, string(e.Metadata().Append(nil)))
}

func evaluate(t *dirformat.Table, e *Edit) *Edit {
	var b Batch
	b.Add(e)
	b.Evaluate(t)
	return e
}

// What an edit comes to when others have changed the directory between two
// evaluations.
func TestSecondEvaluation(t *testing.T) {
	tests := []struct {
		name        string
		do          Operation
		first, then []string
		landed      bool // what it came to was there in between
		others      []Operation
		want        []string
		fails       bool
	}{
		{name: "link on another version", do: Link{Name: "x", Child: file("1"), Overwrite: dirformat.Nothing},
			first: []string{"a"}, then: []string{"b"}, want: []string{"b=b", "x=1"}},
		{name: "link, others were faster", do: Link{Name: "x", Child: file("1"), Overwrite: dirformat.Nothing},
			first: []string{"a"}, then: []string{"x"}, want: []string{"x=x"}, fails: true},
		{name: "link that had landed", do: Link{Name: "x", Child: file("1"), Overwrite: dirformat.Nothing},
			first: []string{"a"}, landed: true, others: []Operation{Link{Name: "z", Child: file("z")}}, want: []string{"a=a", "x=1", "z=z"}},
		{name: "unlink, others were faster", do: Unlink{Name: "a"},
			first: []string{"a", "b"}, then: []string{"b"}, want: []string{"b=b"}},
		{name: "unlink that had landed, and the name came back", do: Unlink{Name: "a"},
			first: []string{"a", "b"}, landed: true, others: []Operation{Link{Name: "a", Child: file("new")}}, want: []string{"a=new", "b=b"}},
		{name: "unlink again", do: Unlink{Name: "a"},
			first: []string{"a"}, then: []string{"a", "c"}, want: []string{"c=c"}},
		{name: "rename that had landed", do: Rename{From: "a", To: "x"},
			first: []string{"a"}, landed: true, others: []Operation{Link{Name: "z", Child: file("z")}}, want: []string{"x=a", "z=z"}},
		{name: "rename again", do: Rename{From: "a", To: "x"},
			first: []string{"a"}, then: []string{"a", "b"}, want: []string{"b=b", "x=a"}},
		{name: "rename of what has gone", do: Rename{From: "a", To: "x"},
			first: []string{"a"}, then: []string{"b"}, want: []string{"b=b"}, fails: true},
		{name: "metadata of what has gone", do: SetMetadata{Name: "a"},
			first: []string{"a"}, then: []string{"b"}, want: []string{"b=b"}, fails: true},
		{name: "several that had landed, one was replaced", do: SetChildren{{Name: "x", Child: file("1"), Overwrite: dirformat.Nothing}, {Name: "y", Child: file("2"), Overwrite: dirformat.Nothing}},
			landed: true, others: []Operation{Unlink{Name: "y"}}, want: []string{"x=1", "y=2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := NewEdit(test.do, at(5))
			var b Batch
			b.Add(e)
			base := table(t, test.first...)
			require.True(t, b.Evaluate(base))
			require.NoError(t, e.Result().Err)
			next := table(t, test.then...)
			if test.landed {
				next = base
			}
			for _, o := range test.others {
				evaluate(next, NewEdit(o, at(6)))
			}
			b.Evaluate(next)
			require.Equal(t, test.want, show(next))
			require.Equal(t, test.fails, e.Result().Err != nil)
			require.False(t, b.Evaluate(next))
		})
	}
}

func TestBatchKnowsItsResult(t *testing.T) {
	var b Batch
	edits := []*Edit{
		NewEdit(Link{Name: "x", Child: file("1"), Overwrite: dirformat.Nothing}, at(1)),
		NewEdit(Link{Name: "x", Child: file("2")}, at(2)),
		NewEdit(Rename{From: "x", To: "y"}, at(3)),
		NewEdit(Unlink{Name: "missing"}, at(4)),
		NewEdit(Unlink{Name: "y"}, at(5)),
		NewEdit(Link{Name: "y", Child: file("3"), Overwrite: dirformat.Nothing}, at(6)),
	}
	for _, e := range edits {
		b.Add(e)
	}
	base := table(t, "a")
	require.True(t, b.Evaluate(base))
	require.Equal(t, []string{"a=a", "y=3"}, show(base))
	before := base.Append(nil)
	late := NewEdit(Link{Name: "late", Child: file("4")}, at(7))
	b.Add(late)
	require.True(t, b.Evaluate(base), "the late edit is new")
	require.Equal(t, []string{"a=a", "late=4", "y=3"}, show(base))
	require.NotEqual(t, before, base.Append(nil))
	require.False(t, b.Evaluate(base))
	for i, e := range edits {
		require.Equal(t, i == 3, e.Result().Err != nil, "edit %d", i)
	}
	other := table(t, "b") // nothing has landed
	require.True(t, b.Evaluate(other))
	require.Equal(t, []string{"b=b", "late=4", "y=3"}, show(other))
	require.Len(t, b.Edits(), 7)
}

// Batches of several writers are evaluated on versions of which some land, in any
// order: whatever is acknowledged takes effect once.
func TestEditsTakeEffectOnce(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 2))
		current := table(t)
		counts := map[string]int{}
		for round := range 30 {
			name := fmt.Sprintf("%d", round)
			var b Batch
			b.Add(NewEdit(Link{Name: name, Child: file(name), Overwrite: dirformat.Nothing}, at(round)))
			for landed := false; !landed || random.IntN(3) == 0; {
				trial := current.Clone()
				b.Evaluate(trial)
				if random.IntN(2) == 0 {
					current, landed = trial, true
				}
				if random.IntN(2) == 0 { // somebody else changes something
					evaluate(current, NewEdit(Link{Name: "other", Child: file("o")}, at(100+round)))
				}
			}
			require.NoError(t, b.Edits()[0].Result().Err, "seed %d", seed)
			counts[name]++
		}
		for name := range counts {
			_, err := current.Get(name)
			require.NoError(t, err)
		}
	}
}

//go:embed edit.go editbatch.go editoperations.go
var editSources embed.FS

// The evaluation of edits is to outlive the way they are published.
func TestEditsDoNoIO(t *testing.T) {
	allowed := []string{"crypto/rand", "errors", "fmt", "time", "github.com/besn0847/arm-tahoe/common/dirformat", "github.com/besn0847/arm-tahoe/common/uri"}
	for _, name := range []string{"edit.go", "editbatch.go", "editoperations.go"} {
		source, err := editSources.ReadFile(name)
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.Contains(t, allowed, path, name)
		}
	}
}
