package storagerpc

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

//go:embed testdata/storage-foolscap.json
var vectorText []byte

type vectors struct {
	Exchanges map[string]struct {
		Messages []struct{ From, Hex string }
	}
	Direct []struct {
		What, OK, Type, Value string
		Parents               []string
	} `json:"direct_calls_and_errors"`
}

func readTestVectors(t *testing.T) (v vectors) {
	t.Helper()
	require.NoError(t, json.Unmarshal(vectorText, &v))
	return v
}

// sequence is a part of a message that package banana does not know.
type sequence struct {
	kind  string
	items []banana.Value
}

func (s *sequence) Kind() string { return s.kind }

// wireCall is a call in a vector with its answer.
type wireCall struct {
	object banana.Int
	method string
	args   []banana.Value
	answer banana.Value
}

// exchange reads the calls of a client with their answers, decrefs left out.
func exchange(t *testing.T, name string) (calls []*wireCall) {
	t.Helper()
	byNumber := map[banana.Value]*wireCall{}
	for _, m := range readTestVectors(t).Exchanges[name].Messages {
		raw, err := hex.DecodeString(m.Hex)
		require.NoError(t, err)
		r := banana.NewReader(bytes.NewReader(raw), banana.VocabTable(1))
		r.Extensions = map[string]banana.Extension{}
		for _, kind := range []string{"arguments", "my-reference"} {
			r.Extensions[kind] = func(items []banana.Value) (banana.Value, error) { return &sequence{kind, items}, nil }
		}
		for {
			read, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.NoError(t, read.Violation)
			switch {
			case read.Type == "call" && m.From == "client" && string(read.Items[2].(banana.Bytes)) != "decref":
				c := &wireCall{read.Items[1].(banana.Int), string(read.Items[2].(banana.Bytes)), read.Items[3].(*sequence).items[1:], nil}
				byNumber[read.Items[0]] = c
				calls = append(calls, c)
			case read.Type == "answer" && byNumber[read.Items[0]] != nil:
				byNumber[read.Items[0]].answer = read.Items[1]
			}
		}
	}
	return calls
}

var exchangeNames = []string{"v_up", "v_dl", "v_sdmf", "v_sdmf2"}

// TestServerAnswers replays the calls of a client of 1.20, one exchange after
// another, and wants the answers of a server of 1.20.
func TestServerAnswers(t *testing.T) {
	ref := dial(t, publish(t, NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{})))
	objects := map[banana.Int]*foolscap.Reference{1: ref}
	count := 0
	for _, name := range exchangeNames {
		for _, c := range exchange(t, name) {
			for i, arg := range c.args {
				if _, ok := arg.(*sequence); ok {
					c.args[i] = foolscap.Object{Referenceable: &canary{}}
				}
			}
			require.Contains(t, objects, c.object)
			got, err := objects[c.object].Call(t.Context(), c.method, c.args...)
			require.NoError(t, err, c.method)
			requireSame(t, objects, c.answer, got)
			count++
		}
	}
	require.Equal(t, 12, count)
}

// requireSame compares answers and notes the objects in them.
func requireSame(t *testing.T, objects map[banana.Int]*foolscap.Reference, want, got banana.Value) {
	t.Helper()
	switch want := want.(type) {
	case *sequence:
		ref, err := foolscap.AsReference(got, string(want.items[1].(banana.Bytes)))
		require.NoError(t, err)
		objects[want.items[0].(banana.Int)] = ref
	case *banana.Tuple:
		items, err := foolscap.AsTuple(got, len(want.Items))
		require.NoError(t, err)
		for i := range items {
			requireSame(t, objects, want.Items[i], items[i])
		}
	case *banana.Dict:
		require.Len(t, got.(*banana.Dict).Pairs, len(want.Pairs))
		for i, p := range got.(*banana.Dict).Pairs {
			require.Equal(t, want.Pairs[i].Key, p.Key)
			requireSame(t, objects, want.Pairs[i].Value, p.Value)
		}
	default:
		require.Equal(t, want, got)
	}
}

// recorder stands for a server, notes calls, and passes them on.
type recorder struct {
	foolscap.Referenceable
	calls *recorded
}

type recorded struct {
	mu    sync.Mutex
	calls []wireCall
}

func (r recorder) RemoteCall(ctx context.Context, q *foolscap.Request) (banana.Value, error) {
	r.calls.mu.Lock()
	r.calls.calls = append(r.calls.calls, wireCall{method: q.Method, args: slices.Clone(q.Positional)})
	r.calls.mu.Unlock()
	v, err := r.Referenceable.RemoteCall(ctx, q)
	return r.wrap(v), err
}

// wrap makes recorders of the objects in an answer.
func (r recorder) wrap(v banana.Value) banana.Value {
	switch v := v.(type) {
	case foolscap.Object:
		return foolscap.Object{Referenceable: recorder{v.Referenceable, r.calls}}
	case *banana.Tuple:
		for i := range v.Items {
			v.Items[i] = r.wrap(v.Items[i])
		}
	case *banana.Dict:
		for i := range v.Pairs {
			v.Pairs[i].Value = r.wrap(v.Pairs[i].Value)
		}
	}
	return v
}

// TestClientCalls makes the calls of a client of 1.20 with ours, which must pass
// the same arguments.
func TestClientCalls(t *testing.T) {
	calls := &recorded{}
	client := newClient(t, recorder{NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{}), calls})
	var want []wireCall
	writers := map[banana.Int]grid.BucketWriter{}
	for _, name := range exchangeNames {
		for _, c := range exchange(t, name) {
			callAgain(t, client, writers, c)
			want = append(want, *c)
		}
	}
	require.Len(t, calls.calls, len(want))
	for i, got := range calls.calls {
		require.Equal(t, want[i].method, got.method)
		require.Len(t, got.args, len(want[i].args))
		for j, arg := range got.args {
			if _, isCanary := arg.(*foolscap.Reference); !isCanary {
				require.Equal(t, want[i].args[j], arg, "%s, argument %d", got.method, j)
			}
		}
	}
}

// callAgain makes a call of a vector by way of the client's methods.
func callAgain(t *testing.T, client *Client, writers map[banana.Int]grid.BucketWriter, c *wireCall) {
	t.Helper()
	ctx := t.Context()
	si := func() (si grid.StorageIndex) { copy(si[:], c.args[0].(banana.Bytes)); return si }
	var err error
	switch c.method {
	case "get_buckets":
		_, err = client.GetBuckets(ctx, si())
	case "allocate_buckets":
		var a grid.Allocation
		shares, sharesErr := shareNums(c.args[3].(*banana.Set).Items, shareNum)
		require.NoError(t, sharesErr)
		slices.Reverse(shares) // the order does not matter
		a, err = client.AllocateBuckets(ctx, si(), leaseSecrets(c.args[1].(banana.Bytes), c.args[2].(banana.Bytes)), shares, int64(c.args[4].(banana.Int)))
		for _, p := range c.answer.(*banana.Tuple).Items[1].(*banana.Dict).Pairs {
			writers[p.Value.(*sequence).items[0].(banana.Int)] = a.Writers[grid.ShareNum(p.Key.(banana.Int))]
		}
	case "write":
		err = writers[c.object].Write(ctx, int64(c.args[0].(banana.Int)), c.args[1].(banana.Bytes))
	case "close":
		err = writers[c.object].Close(ctx)
	case "slot_readv":
		vectors, vectorsErr := readVectors(c.args[2].(*banana.List).Items)
		require.NoError(t, vectorsErr)
		_, err = client.SlotReadv(ctx, si(), nil, vectors)
	case "slot_testv_and_readv_and_writev":
		secrets, secretsErr := slotSecrets(c.args[1].(*banana.Tuple).Items)
		require.NoError(t, secretsErr)
		writes, writesErr := slotWrites(c.args[2].(*banana.Dict))
		require.NoError(t, writesErr)
		reads, readsErr := readVectors(c.args[3].(*banana.List).Items)
		require.NoError(t, readsErr)
		var r grid.TestvResult
		r, err = client.SlotTestvAndReadvAndWritev(ctx, si(), secrets, writes, reads)
		require.True(t, r.Passed)
	default:
		t.Fatal(c.method)
	}
	require.NoError(t, err, c.method)
}

// TestDirectCalls makes the calls by hand whose results were captured, and wants
// the same exceptions.
func TestDirectCalls(t *testing.T) {
	p := &directCalls{T: t, ref: dial(t, publish(t, NewServer(storagetest.NewMemory(storagetest.Setup{NodeID: directNode}), ServerOptions{})))}
	calls := p.table()
	seen := 0
	for _, row := range readTestVectors(t).Direct {
		call := calls[row.What]
		if call == nil { // of an introducer
			require.Regexp(t, "introducer|publish", row.What)
			continue
		}
		seen++
		v, err := call()
		if row.Type == "" {
			require.NoError(t, err, row.What)
			if !strings.Contains(row.OK, "RemoteReference") {
				require.Equal(t, row.OK, python(v), row.What)
			}
			continue
		}
		e := remoteOf(t, err)
		require.Equal(t, row.Type, e.Type, row.What)
		require.Equal(t, row.Parents, e.Parents, row.What)
		want, _, cut := strings.Cut(row.Value, "b'")
		if cut { // what 1.20 tells of the file there, secrets included
			require.Contains(t, e.Value, strings.ReplaceAll(want, "BASEDIR/storage/", ""), row.What)
		} else {
			require.Equal(t, strings.ReplaceAll(want, "BASEDIR/storage/", ""), e.Value, row.What)
		}
	}
	require.Equal(t, len(calls), seen)
}

var (
	directNode, _ = grid.ParseTubID("u3kdhkudwyygs6d5u3i4i2jl7w5hptdt")
	// In the order of the calls: immutable, mutable.
	directSI, _   = grid.ParseStorageIndex("a4o36c6fbs5c4j63pjx3fbvpqu")
	directSlot, _ = grid.ParseStorageIndex("ida75hm7zwvw7bpfdkw2thst4m")
)

type directCalls struct {
	*testing.T
	ref     *foolscap.Reference
	writers map[banana.Int]*foolscap.Reference
	reader  *foolscap.Reference
}

func (p *directCalls) on(ref func() *foolscap.Reference, method string, args ...banana.Value) func() (banana.Value, error) {
	return func() (banana.Value, error) { return ref().Call(p.Context(), method, args...) }
}

func (p *directCalls) server(method string, args ...banana.Value) func() (banana.Value, error) {
	return p.on(func() *foolscap.Reference { return p.ref }, method, args...)
}

func (p *directCalls) allocate(si grid.StorageIndex, size int64, shares ...grid.ShareNum) func() (banana.Value, error) {
	args := allocateArgs(size, shares...)
	args[0] = banana.Bytes(si[:])
	return func() (banana.Value, error) {
		v, err := p.ref.Call(p.Context(), "allocate_buckets", args...)
		if err == nil && p.writers == nil {
			p.writers = map[banana.Int]*foolscap.Reference{}
			for _, w := range v.(*banana.Tuple).Items[1].(*banana.Dict).Pairs {
				p.writers[w.Key.(banana.Int)] = w.Value.(*foolscap.Reference)
			}
		}
		return v, err
	}
}

// table has the captured calls by their names.
func (p *directCalls) table() map[string]func() (banana.Value, error) {
	zero := func() *foolscap.Reference { return p.writers[0] }
	one := func() *foolscap.Reference { return p.writers[1] }
	reader := func() *foolscap.Reference { return p.reader }
	data := banana.Bytes("0123456789")
	si, slot := banana.Bytes(directSI[:]), banana.Bytes(directSlot[:])
	read := func(offset, length int64) banana.Value {
		return banana.NewTuple(banana.Int(offset), banana.Int(length))
	}
	return map[string]func() (banana.Value, error){
		"allocate 0,1 size 20":                      p.allocate(directSI, 20, 0, 1),
		"write past end":                            p.on(zero, "write", banana.Int(15), data),
		"write ok":                                  p.on(zero, "write", banana.Int(0), data),
		"write conflicting":                         p.on(zero, "write", banana.Int(0), banana.Bytes("X123456789")),
		"allocate same again while in progress":     p.allocate(directSI, 20, 0, 1, 2),
		"close incomplete (10 of 20 bytes written)": p.on(zero, "close"),
		"write after close":                         p.on(zero, "write", banana.Int(0), data),
		"close twice":                               p.on(zero, "close"),
		"abort after close":                         p.on(zero, "abort"),
		"abort 1":                                   p.on(one, "abort"),
		"get_buckets": func() (banana.Value, error) {
			v, err := p.ref.Call(p.Context(), "get_buckets", si)
			p.reader = v.(*banana.Dict).Pairs[0].Value.(*foolscap.Reference)
			return v, err
		},
		"read 5..15":                               p.on(reader, "read", banana.Int(5), banana.Int(10)),
		"read past end":                            p.on(reader, "read", banana.Int(100), banana.Int(10)),
		"read overlapping":                         p.on(reader, "read", banana.Int(15), banana.Int(10)),
		"add_lease unknown si":                     p.server("add_lease", siValue, secret32, secret32),
		"allocate impossible size":                 p.allocate(grid.StorageIndex{7}, 1<<60, 0),
		"mutable create":                           p.server("slot_testv_and_readv_and_writev", slot, slotSecretValue('w'), tests("eq", "", put(0, "hello")), banana.NewList()),
		"bad write enabler":                        p.server("slot_testv_and_readv_and_writev", slot, slotSecretValue('x'), banana.NewDict(), banana.NewList()),
		"bad operator":                             p.server("slot_testv_and_readv_and_writev", slot, slotSecretValue('w'), tests("lt", "", put(0, "hello")), banana.NewList()),
		"empty tw vectors + read (renews nothing)": p.server("slot_testv_and_readv_and_writev", slot, slotSecretValue('w'), banana.NewDict(), banana.NewList(read(0, 100))),
		"readv all":                                p.server("slot_readv", slot, banana.NewList(), banana.NewList(read(0, 2), read(3, 10))),
		"readv missing share":                      p.server("slot_readv", slot, banana.NewList(banana.Int(9)), banana.NewList(read(0, 2))),
		"get_buckets on mutable":                   p.server("get_buckets", slot),
		"allocate_buckets on mutable si":           p.allocate(directSlot, 20, 0),
		"mutable write to immutable si":            p.server("slot_testv_and_readv_and_writev", si, slotSecretValue('w'), tests("eq", "", put(0, "hello")), banana.NewList()),
		"delete": p.server("slot_testv_and_readv_and_writev", slot, slotSecretValue('w'), slotWriteValues(&loan{}, map[grid.ShareNum]grid.SlotWrite{
			0: {NewLength: storagetest.Length(0)}}), banana.NewList(read(0, 100))),
		"readv after delete":   p.server("slot_readv", slot, banana.NewList(), banana.NewList(read(0, 2))),
		"advise_corrupt_share": p.server("advise_corrupt_share", banana.Bytes("immutable"), si, banana.Int(0), banana.Bytes("bogus")),
	}
}

func slotSecretValue(enabler byte) banana.Value {
	return banana.NewTuple(banana.Bytes(bytes.Repeat([]byte{enabler}, 32)), secret32, secret32)
}

// tests is one share's test and write vectors with any operator.
func tests(operator, specimen string, w grid.SlotWrite) *banana.Dict {
	w.Tests = []grid.TestVector{{Length: 1, Specimen: []byte(specimen)}}
	d := slotWriteValues(&loan{}, map[grid.ShareNum]grid.SlotWrite{0: w})
	d.Pairs[0].Value.(*banana.Tuple).Items[0].(*banana.List).Items[0].(*banana.Tuple).Items[2] = banana.Bytes(operator)
	return d
}

func put(offset int64, data string) grid.SlotWrite {
	return grid.SlotWrite{Writes: []grid.WriteVector{{Offset: offset, Data: []byte(data)}}}
}

// python writes a value as Python does.
func python(v banana.Value) string {
	join := func(values []banana.Value) string {
		var texts []string
		for _, v := range values {
			texts = append(texts, python(v))
		}
		return strings.Join(texts, ", ")
	}
	switch v := v.(type) {
	case banana.None:
		return "None"
	case banana.Bool:
		return map[banana.Bool]string{true: "True", false: "False"}[v]
	case banana.Int:
		return strconv.FormatInt(int64(v), 10)
	case banana.Bytes:
		return "b'" + strings.ReplaceAll(string(v), "\x00", `\x00`) + "'"
	case *banana.List:
		return "[" + join(v.Items) + "]"
	case *banana.Tuple:
		return "(" + join(v.Items) + ")"
	case *banana.Set:
		if len(v.Items) == 0 {
			return "set()"
		}
		return "{" + join(v.Items) + "}"
	case *banana.Dict:
		var texts []string
		for _, p := range v.Pairs {
			texts = append(texts, python(p.Key)+": "+python(p.Value))
		}
		return "{" + strings.Join(texts, ", ") + "}"
	}
	return v.Kind()
}

// TestNoSecretsInErrors: what the client says about refusals repeats none of what
// was sent or what a server said.
func TestNoSecretsInErrors(t *testing.T) {
	for _, row := range readTestVectors(t).Direct {
		if row.Type == "" {
			continue
		}
		err := recognise(&foolscap.RemoteError{Type: row.Type, Value: row.Value})
		require.NotContains(t, err.Error(), "0123456789", row.What)
	}
	secrets := grid.SlotSecrets{WriteEnabler: secret.NewWriteEnabler(secretBytes([]byte("hush"))), Lease: leaseSecrets([]byte("hush"), []byte("hush"))}
	client := newClient(t, NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{}))
	for _, writes := range []map[grid.ShareNum]grid.SlotWrite{{300: {}}, {0: put(1<<62, "hush")}, {0: put(-1, "hush")}} {
		_, err := client.SlotTestvAndReadvAndWritev(t.Context(), storagetest.SI, secrets, writes, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hush")
	}
}
