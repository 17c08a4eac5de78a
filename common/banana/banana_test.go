package banana

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// message writes one (answer ..) with the values.
func message(t testing.TB, w *Writer, values ...Value) []byte {
	w.Begin()
	require.NoError(t, w.Value(&generic{"answer", values}))
	return written(t, w)
}

func TestValuesRoundTrip(t *testing.T) {
	long := Bytes(bytes.Repeat([]byte("0123456789abcdef"), 200_000))
	for _, vocab := range []int{0, 1} {
		for name, v := range map[string]Value{
			"text":       Text("héllo"),
			"word":       Text("list"),
			"true":       Bool(true),
			"false":      Bool(false),
			"none":       None{},
			"decimal":    Decimal("1.50"),
			"list":       NewList(Int(1), Bytes("a"), NewList()),
			"tuple":      NewTuple(Int(1), None{}),
			"set":        NewSet(Int(1), Bytes("1"), Text("1")),
			"frozen":     &Set{Items: []Value{Int(3)}, Frozen: true},
			"dict":       NewDict(Pair{Bytes("b"), Int(1)}, Pair{Int(2), NewDict()}),
			"long":       NewList(long, Bytes("x"), long[:referenceSize]),
			"min":        Int(-1 << 63),
			"max":        Int(1<<63 - 1),
			"uint":       Uint(1<<64 - 1),
			"big":        bigInt("-0x123456789012345678901234567890"),
			"long text":  Text(strings.Repeat("x", 100)),
			"tuple keys": NewDict(Pair{NewTuple(Int(1)), None{}}, Pair{NewTuple(Int(2)), None{}}),
		} {
			t.Run(name, func(t *testing.T) {
				b := message(t, testWriter(vocab), v)
				for _, in := range []io.Reader{bytes.NewReader(b), iotest.HalfReader(bytes.NewReader(b))} {
					r := testReader(nil, vocab)
					r = &Reader{Limits: r.Limits, Extensions: r.Extensions, in: NewReader(in, nil).in, vocab: r.vocab}
					m, err := r.Next()
					require.NoError(t, err)
					require.NoError(t, m.Violation)
					expected := v
					if l, ok := v.(*List); ok && len(l.Items) == 0 {
						expected = &List{}
					}
					require.Len(t, m.Items, 1)
					require.Equal(t, message(t, testWriter(vocab), expected), message(t, testWriter(vocab), m.Items...))
				}
			})
		}
	}
}

func TestReferences(t *testing.T) {
	shared := NewList(Int(7))
	b := message(t, testWriter(1), NewTuple(shared, shared), shared)
	m, err := testReader(b, 1).Next()
	require.NoError(t, err)
	pair := m.Items[0].(*Tuple)
	require.Equal(t, shared, pair.Items[0])
	require.Same(t, pair.Items[0], pair.Items[1])
	require.Same(t, pair.Items[0], m.Items[1])

	t.Run("scope is the message", func(t *testing.T) {
		w := testWriter(1)
		first := message(t, w, shared)
		second := message(t, w, shared)
		r := testReader(append(first, second...), 1)
		for range 2 {
			m, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, shared, m.Items[0])
		}
	})
	t.Run("loop", func(t *testing.T) {
		loop := NewList()
		loop.Items = append(loop.Items, loop)
		m, err := testReader(message(t, testWriter(1), loop), 1).Next()
		require.NoError(t, err)
		require.EqualError(t, m.Violation, "container inside itself")
	})
	t.Run("dangling", func(t *testing.T) {
		_, err := testReader(message(t, testWriter(1), &generic{"reference", []Value{Int(77)}}), 1).Next()
		require.ErrorContains(t, err, "dangling reference '77'")
	})
	t.Run("bomb", func(t *testing.T) {
		bomb := NewList(Int(1))
		for range 40 {
			bomb = NewList(bomb, bomb)
		}
		m, err := testReader(message(t, testWriter(1), bomb), 1).Next()
		require.NoError(t, err)
		require.ErrorContains(t, m.Violation, "message too large")
	})
}

func TestViolations(t *testing.T) {
	good := func(w *Writer) { require.NoError(t, w.Value(&generic{"answer", []Value{Int(42)}})) }
	for _, c := range []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"type is an INT", func(w *Writer) { w.token(w.opens, tokenOpen); w.opens++; w.Int(1); w.Close(w.opens - 1) }, "index token 0x81 not STRING or VOCAB"},
		{"type is a float", func(w *Writer) { w.token(w.opens, tokenOpen); w.opens++; w.Float(1); w.Close(w.opens - 1) }, "index token 0x84 not STRING or VOCAB"},
		{"long type", func(w *Writer) { w.Close(w.Open(strings.Repeat("x", 65))) }, "first opentype STRING token is too long, 65>64"},
		{"long type inside", func(w *Writer) {
			n := w.Open("answer")
			w.Close(w.Open(strings.Repeat("x", 5000)))
			w.Close(n)
		}, "first opentype STRING token is too long, 5000>64"},
		{"unknown type", func(w *Writer) {
			n := w.Open("answer")
			w.Close(w.Open("foo"))
			w.Close(n)
		}, "unknown OPEN type ('foo',)"},
		{"long string", func(w *Writer) {
			n := w.Open("answer")
			w.Bytes(make([]byte, 200_001))
			w.Bytes([]byte("after"))
			w.Close(n)
		}, "STRING token too large: 200001>200000"},
		{"long integer", func(w *Writer) {
			n := w.Open("answer")
			w.token(MaxLongIntSize+1, tokenLongInt)
			w.raw(make([]byte, MaxLongIntSize+1)...)
			w.Close(n)
		}, "LONGINT token too large: 1025>1024"},
		{"many strings", func(w *Writer) {
			n := w.Open("answer")
			for range 3 {
				w.Bytes(make([]byte, 150_000))
			}
			w.Close(n)
		}, "message too large: more than 300000 bytes"},
		{"many values", func(w *Writer) {
			n := w.Open("answer")
			for range 10_000 {
				w.Close(w.Open("list"))
			}
			w.Float(1)
			w.Close(n)
		}, "message too large: more than 300000 bytes"},
		{"depth", func(w *Writer) {
			v := NewList(Bytes("inside"))
			for range 60 {
				v = NewList(v, Bytes("abcdefgh"))
			}
			require.NoError(t, w.Value(&generic{"answer", []Value{v}}))
		}, "sequences nest deeper than 50"},
		{"abort", func(w *Writer) {
			n := w.Open("answer")
			inner := w.Open("list")
			w.Abort(inner)
			w.Close(inner)
			w.Close(n)
		}, "ABORT received"},
		{"abort of nothing", func(w *Writer) { w.Abort(3); w.Close(w.Open("x")) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := testWriter(1)
			c.write(w)
			good(w)
			r := testReader(written(t, w), 1)
			r.Limits.String, r.Limits.Message = 200_000, 300_000
			m, err := r.Next()
			require.NoError(t, err)
			if c.want == "" {
				require.NoError(t, m.Violation)
			} else {
				require.EqualError(t, m.Violation, c.want)
			}
			require.Equal(t, c.name == "abort", m.Aborted)
			m, err = r.Next()
			require.NoError(t, err)
			require.NoError(t, m.Violation)
			require.Equal(t, []Value{Int(42)}, m.Items, "the stream goes on")
			_, err = r.Next()
			require.Equal(t, io.EOF, err)
		})
	}
}

func TestProtocolErrors(t *testing.T) {
	answer := func(items ...byte) []byte {
		return append([]byte{0, tokenOpen, 13, tokenVocab}, items...)
	}
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"endless header", bytes.Repeat([]byte{1}, 70), "token prefix is limited to 64 bytes"},
		{"huge header", append(bytes.Repeat([]byte{0x7f}, 10), tokenInt), "token prefix above 2**63"},
		{"old banana", []byte{0, tokenList}, "oldbanana peer detected"},
		{"bad type byte", []byte{0x90}, "Invalid Type Byte 0x90"},
		{"close at the top", []byte{0, tokenClose}, "lost sync, got CLOSE(0) but expecting None"},
		{"wrong close", answer(5, tokenClose), "lost sync, got CLOSE(5) but expecting 0"},
		{"open open", []byte{0, tokenOpen, 1, tokenOpen}, "OPEN token followed by OPEN"},
		{"open close", []byte{0, tokenOpen, 0, tokenClose}, "without a type"},
		{"undefined vocab", answer(25, tokenVocab), "undefined vocabulary index 25"},
		{"undefined vocab as type", []byte{0, tokenOpen, 25, tokenVocab}, "undefined vocabulary index 25"},
		{"long error", append(appendHeader(nil, 1001), tokenError), "oversized ERROR token"},
		{"none with content", answer(1, tokenOpen, 0, tokenVocab, 1, tokenInt, 1, tokenClose), "NoneUnslicer does not accept"},
		{"boolean of bytes", answer(1, tokenOpen, 1, tokenVocab, 0, tokenString, 1, tokenClose), "boolean does not accept STRING"},
		{"empty unicode", answer(1, tokenOpen, 8, tokenVocab, 1, tokenClose), "unicode needs one token"},
		{"bad UTF-8", answer(1, tokenOpen, 8, tokenVocab, 1, tokenString, 0xff, 1, tokenClose), "unicode is not UTF-8"},
		{"odd dict", answer(1, tokenOpen, 3, tokenVocab, 1, tokenInt, 1, tokenClose), "between key and value"},
		{"duplicate key", answer(1, tokenOpen, 3, tokenVocab, 1, tokenInt, 1, tokenInt, 1, tokenInt, 1, tokenInt, 1, tokenClose), "duplicate key"},
		{"list as key", answer(1, tokenOpen, 3, tokenVocab, 2, tokenOpen, 4, tokenVocab, 2, tokenClose, 1, tokenInt, 1, tokenClose), "unhashable key"},
		{"open open while skipping", answer(8, tokenAbort, 1, tokenOpen, 2, tokenOpen), "OPEN token followed by OPEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := testReader(c.in, 1).Next()
			var p *ProtocolError
			require.ErrorAs(t, err, &p)
			require.Contains(t, p.Error(), c.want)
		})
	}
}

func TestEnds(t *testing.T) {
	_, err := testReader(nil, 1).Next()
	require.Equal(t, io.EOF, err)
	b := message(t, testWriter(1), Bytes("0123456789"), bigInt("0x112233445566778899"), Float(1), NewList())
	for i := 1; i < len(b); i++ {
		_, err := testReader(b[:i], 1).Next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d", i)
	}
	_, err = testReader([]byte("\x03\x8dboo"), 1).Next()
	var remote *RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, "boo", remote.Text)
}

func TestPing(t *testing.T) {
	w := testWriter(1)
	w.Ping(0)
	n := w.Open("answer")
	w.Ping(300)
	w.Pong(1)
	w.Close(n)
	r := testReader(written(t, w), 1)
	var pings []uint64
	r.Ping = func(n uint64) { pings = append(pings, n) }
	m, err := r.Next()
	require.NoError(t, err)
	require.Empty(t, m.Items)
	require.Equal(t, []uint64{0, 300}, pings)
}

func TestAdmit(t *testing.T) {
	w := testWriter(1)
	b := message(t, w, Int(1), Int(2), Bytes("a long string"), Int(3))
	b = append(b, message(t, w, Int(9))...)
	r := testReader(b, 1)
	r.Admit = func(m *Message, limits *Limits) error {
		require.Equal(t, "answer", m.Type)
		switch len(m.Items) {
		case 1:
			limits.String = 5
		case 2:
			require.True(t, r.Busy())
		}
		return nil
	}
	m, err := r.Next()
	require.NoError(t, err)
	require.EqualError(t, m.Violation, "STRING token too large: 13>5")
	require.Equal(t, []Value{Int(1), Int(2)}, m.Items)
	require.False(t, r.Busy())

	r.Admit = func(*Message, *Limits) error { return Violationf("no") }
	m, err = r.Next()
	require.NoError(t, err)
	require.EqualError(t, m.Violation, "no")

	r = testReader(b, 1)
	r.Admit = func(*Message, *Limits) error { return errors.New("closed") }
	_, err = r.Next()
	require.EqualError(t, err, "closed")
}

func TestReserve(t *testing.T) {
	w := testWriter(1)
	b := message(t, w, Bytes("small"))
	b = append(b, message(t, w, make(Bytes, 5<<20))...)
	b = append(b, message(t, w, make(Bytes, 5<<20))...)
	r := testReader(b, 1)
	var reserved int64
	r.Reserve = func(n int64) error {
		if reserved+n > 8<<20 {
			return Violationf("no memory")
		}
		reserved += n
		return nil
	}
	m, err := r.Next()
	require.NoError(t, err)
	require.Zero(t, m.Reserved, "small messages cost no accounting")
	m, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, reserved, m.Reserved)
	require.InDelta(t, 5<<20, m.Reserved, 2*reserveStep)
	before := reserved
	m, err = r.Next()
	require.NoError(t, err)
	require.EqualError(t, m.Violation, "no memory")
	require.Equal(t, reserved-before, m.Reserved)
}

func TestRollback(t *testing.T) {
	w := testWriter(1)
	returned := 0
	lent := &Lent{Data: make([]byte, 10_000), Done: func() { returned++ }}
	first := message(t, w, Int(1))
	w.Begin()
	require.NoError(t, w.Value(Bytes("kept")))
	w.Begin()
	w.Open("call")
	require.NoError(t, w.Value(lent))
	require.Error(t, w.Value(NewList(nil)))
	w.Rollback()
	require.Equal(t, 1, returned)
	require.Equal(t, "\x04\x82kept", string(written(t, w)))
	require.NotEmpty(t, first)
	require.Equal(t, byte(1), message(t, w, Int(1))[0], "the open number is used again")
}

func TestLent(t *testing.T) {
	w := testWriter(1)
	returned := 0
	done := func() { returned++ }
	require.NoError(t, w.Value(&Lent{Data: []byte("list"), Done: done}))
	require.NoError(t, w.Value(&Lent{Data: []byte("copied"), Done: done}))
	require.Equal(t, 2, returned)
	require.NoError(t, w.Value(&Lent{Data: make([]byte, 10_000), Done: done}))
	b := w.Take()
	require.Equal(t, 2, returned)
	b.Release()
	require.Equal(t, 3, returned)
	require.Nil(t, w.Take())
}

func TestUnwritable(t *testing.T) {
	w := NewWriter(VocabTable(1))
	require.Error(t, w.Value(nil))
	require.Error(t, w.Value(BigInt{}))
	require.Error(t, w.Value(BigInt{new(big.Int).Lsh(big.NewInt(1), 8*MaxLongIntSize)}))
	require.Error(t, w.Value(&generic{}))
	w.Error(strings.Repeat("x", 2000))
	_, err := NewReader(bytes.NewReader(written(t, w)), VocabTable(1)).Next()
	require.ErrorContains(t, err, "xxx...")
}

func TestLooseHeaders(t *testing.T) {
	long := append([]byte{5}, make([]byte, 63)...)
	require.Equal(t, Int(5), readOne(t, append(long, tokenInt)))
	require.Equal(t, Int(0), readOne(t, []byte{tokenInt}))
	require.Equal(t, Bytes{}, readOne(t, []byte{tokenString}))
}

func TestSetItemsOnce(t *testing.T) {
	m, err := testReader(message(t, testWriter(1), NewSet(Int(1), Bool(true), Float(1), Float(1.5), Int(2))), 1).Next()
	require.NoError(t, err)
	require.Equal(t, NewSet(Int(1), Float(1.5), Int(2)), m.Items[0])
}

func TestDictGet(t *testing.T) {
	d := NewDict(Pair{Text("a"), Int(1)}, Pair{Bytes("a"), Int(2)})
	v, ok := d.Get("a")
	require.True(t, ok)
	require.Equal(t, Int(2), v)
	_, ok = d.Get("b")
	require.False(t, ok)
}

// FuzzReader holds against any stream: no panic, the memory limit is kept, and
// what was read is written and read again as the same.
func FuzzReader(f *testing.F) {
	v := vectors(f)
	for _, set := range [][]vector{v.Tokens, v.Calls, v.Answers, v.Errors, {v.YourReference, v.SetVocab}} {
		for _, c := range set {
			f.Add(c.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := testReader(b, 1)
		r.Limits = Limits{Message: 1 << 16, String: 1 << 15, Depth: 10}
		r.Ping = func(uint64) {}
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			require.LessOrEqual(t, m.Reserved, r.Limits.Message)
			if m.Violation != nil {
				continue
			}
			first := message(t, testWriter(1), m.Items...)
			again, err := testReader(first, 1).Next()
			require.NoError(t, err)
			require.NoError(t, again.Violation)
			require.Equal(t, first, message(t, testWriter(1), again.Items...))
		}
	})
}

// FuzzToken: a token that is read and written gives the same bytes. The
// exceptions are listed in canonical; what was written then gives the same again.
func FuzzToken(f *testing.F) {
	for _, c := range vectors(f).Tokens {
		f.Add(c.bytes(f))
	}
	read := func(b []byte) Value {
		in := append([]byte{0, tokenOpen, 13, tokenVocab}, b...)
		m, err := testReader(append(in, 0, tokenClose), 1).Next()
		if err != nil || m.Violation != nil || len(m.Items) != 1 {
			return nil
		}
		return m.Items[0]
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := read(b)
		if v == nil {
			return
		}
		w := testWriter(1)
		require.NoError(t, w.Value(v))
		out := written(t, w)
		if canonical(b) {
			require.Equal(t, b, out)
		}
		require.NotNil(t, read(out))
		require.NoError(t, w.Value(read(out)))
		require.Equal(t, out, written(t, w))
	})
}

// canonical says whether b is one token as a Writer writes it. Not so: sequences
// (whose open numbers may be any), padded or missing headers, long integers that
// are not needed or have leading zeros, short ones that need to be long, negative
// zero, words of the table, trailing PING and PONG.
func canonical(b []byte) bool {
	at := 0
	for ; at < len(b) && b[at] < 0x80; at++ {
	}
	if at == len(b) || at == 0 || at > 5 || at > 1 && b[at-1] == 0 {
		return false
	}
	var h header
	for _, c := range b[:at] {
		_ = h.add(c)
	}
	switch body := b[at+1:]; b[at] {
	case tokenInt:
		return len(body) == 0 && h.value < 1<<31
	case tokenNeg:
		return len(body) == 0 && h.value > 0 && h.value <= 1<<31
	case tokenString:
		_, word := vocabs[1].lookup(body)
		return uint64(len(body)) == h.value && !word
	}
	return false
}

func BenchmarkWriteBytes1MiB(b *testing.B) {
	w := NewWriter(VocabTable(1))
	data := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		w.Bytes(data)
		batch := w.Take()
		_, _ = batch.WriteTo(io.Discard)
		batch.Release()
	}
}

func BenchmarkReadBytes1MiB(b *testing.B) {
	stream := message(b, testWriter(1), Int(1), make(Bytes, 1<<20))
	in := bytes.NewReader(nil)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	r := NewReader(in, VocabTable(1))
	for b.Loop() {
		in.Reset(stream)
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSmallCall(b *testing.B) {
	stream := vectors(b).Calls[2].bytes(b)
	in := bytes.NewReader(nil)
	b.ReportAllocs()
	r := testReader(nil, 1)
	r.in = NewReader(in, nil).in
	for b.Loop() {
		in.Reset(stream)
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
