package banana

import (
	"bytes"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata
var testdata embed.FS

type vector struct{ What, Hex string }

func (v vector) bytes(t testing.TB) []byte {
	b, err := hex.DecodeString(v.Hex)
	require.NoError(t, err)
	return b
}

type vectorFile struct {
	Tokens, Calls, Answers, Errors []vector
	YourReference                  vector `json:"your_reference"`
	SetVocab                       vector `json:"set_vocab"`
	Vocab                          struct {
		Tables map[string][]string
		Hash   map[string]string
	}
	Negotiation struct {
		ProtocolErrors []struct {
			SentHex  string `json:"sent_hex"`
			ReplyHex string `json:"reply_hex"`
			What     string
		} `json:"protocol_error_tokens"`
	}
}

func loadJSON(t testing.TB, name string, v any) {
	b, err := testdata.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

func vectors(t testing.TB) (v vectorFile) {
	loadJSON(t, "foolscap.json", &v)
	return v
}

// generic stands for sequences that have no meaning in this package.
type generic struct {
	kind  string
	items []Value
}

func (g *generic) Kind() string { return g.kind }

// testReader reads sequences of all types.
func testReader(b []byte, vocab int) *Reader {
	r := NewReader(bytes.NewReader(b), VocabTable(vocab))
	r.Extensions = map[string]Extension{}
	for _, kind := range []string{"arguments", "my-reference", "your-reference", "their-reference", "copyable"} {
		r.Extensions[kind] = func(items []Value) (Value, error) { return &generic{kind, items}, nil }
	}
	return r
}

func testWriter(vocab int) *Writer {
	w := NewWriter(VocabTable(vocab))
	w.Extend = func(w *Writer, v Value) error {
		g, ok := v.(*generic)
		if !ok {
			return errors.New("not generic")
		}
		n := w.Open(g.kind)
		if err := w.items(g.items); err != nil {
			return err
		}
		w.Close(n)
		return nil
	}
	return w
}

func written(t testing.TB, w *Writer) []byte {
	var out bytes.Buffer
	if b := w.Take(); b != nil {
		n, err := b.WriteTo(&out)
		require.NoError(t, err)
		require.EqualValues(t, out.Len(), n)
		require.Equal(t, n, b.Size())
		b.Release()
	}
	return out.Bytes()
}

// rewrite reads all messages and writes them again.
func rewrite(t testing.TB, b []byte, vocab int) []byte {
	r, w := testReader(b, vocab), testWriter(vocab)
	var h header
	for _, c := range b { // the stream may begin in the life of a connection
		if c >= 0x80 {
			break
		}
		require.NoError(t, h.add(c))
	}
	w.opens, r.opens = h.value, h.value
	for {
		m, err := r.Next()
		if err == io.EOF {
			return written(t, w)
		}
		require.NoError(t, err)
		require.NoError(t, m.Violation)
		w.Begin()
		require.NoError(t, w.Value(&generic{m.Type, m.Items}))
	}
}

func TestVectorsRoundTrip(t *testing.T) {
	v := vectors(t)
	for _, set := range [][]vector{v.Calls, v.Answers, v.Errors, {v.YourReference}} {
		require.NotEmpty(t, set)
		for _, c := range set {
			t.Run(c.What, func(t *testing.T) {
				b := c.bytes(t)
				require.Equal(t, b, rewrite(t, b, 1))
			})
		}
	}
}

func TestVectorSetVocab(t *testing.T) {
	b := vectors(t).SetVocab.bytes(t)
	r := testReader(b, 0)
	m, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "set-vocab", m.Type, "a top-level type like any other; the connection ignores it")
	_, err = r.Next()
	require.ErrorContains(t, err, "undefined vocabulary index 0", "a Tub does not let the peer change the table either")
}

func TestStreams(t *testing.T) {
	var streams struct {
		ToIntroducer string `json:"node_to_introducer_hex"`
		ToNode       string `json:"introducer_to_node_hex"`
	}
	loadJSON(t, "introducer-streams.json", &streams)
	for name, text := range map[string]string{"to introducer": streams.ToIntroducer, "to node": streams.ToNode} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(text)
			require.NoError(t, err)
			require.NotEmpty(t, b)
			require.Equal(t, b, rewrite(t, b, 1))
		})
	}
}

func bigInt(text string) Value {
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		panic(text)
	}
	return BigInt{n}
}

// tokenValues are the values of the vectors that are values.
var tokenValues = map[string]Value{
	"int 0":                      Int(0),
	"int 1":                      Int(1),
	"int 127":                    Int(127),
	"int 128":                    Int(128),
	"int 2**31-1":                Int(1<<31 - 1),
	"int 2**31":                  Int(1 << 31),
	"int 2**32":                  Int(1 << 32),
	"int 2**63":                  bigInt("0x8000000000000000"),
	"int 2**64":                  bigInt("0x10000000000000000"),
	"int -1":                     Int(-1),
	"int -2**31":                 Int(-1 << 31),
	"int -2**31-1":               Int(-1<<31 - 1),
	"int -2**64":                 bigInt("-0x10000000000000000"),
	"float 1.5":                  Float(1.5),
	"float -0.0":                 Float(math.Copysign(0, -1)),
	"bytes empty":                Bytes(""),
	"bytes 'a'":                  Bytes("a"),
	"bytes 200*x":                Bytes(bytes.Repeat([]byte("x"), 200)),
	"bytes 'list' (in vocab 1)":  Bytes("list"),
	"bytes 'none' (vocab idx 0)": Bytes("none"),
}

func TestTokenVectors(t *testing.T) {
	others := map[string]func(w *Writer){
		"PING 0":                   func(w *Writer) { w.Ping(0) },
		"PING 5":                   func(w *Writer) { w.Ping(5) },
		"PONG 0 (reply to PING 0)": func(w *Writer) { w.Pong(0) },
		"PONG 300":                 func(w *Writer) { w.Pong(300) },
		"ERROR 'boo'":              func(w *Writer) { w.Error("boo") },
		"ABORT 3":                  func(w *Writer) { w.Abort(3) },
	}
	for _, c := range vectors(t).Tokens {
		t.Run(c.What, func(t *testing.T) {
			w := testWriter(1)
			if value, ok := tokenValues[c.What]; ok {
				require.NoError(t, w.Value(value))
				require.Equal(t, value, readOne(t, c.bytes(t)))
			} else {
				others[c.What](w)
			}
			require.Equal(t, c.bytes(t), written(t, w))
		})
	}
}

// readOne reads a value inside a message.
func readOne(t testing.TB, b []byte) Value {
	w := testWriter(1)
	n := w.Open("answer")
	w.raw(b...)
	w.Close(n)
	m, err := testReader(written(t, w), 1).Next()
	require.NoError(t, err)
	require.NoError(t, m.Violation)
	require.Len(t, m.Items, 1)
	return m.Items[0]
}

func TestVocabTables(t *testing.T) {
	v := vectors(t).Vocab
	for number, words := range map[int][]string{0: v.Tables["0"], 1: v.Tables["1"]} {
		require.Equal(t, len(words), len(VocabTable(number).words))
		for i, word := range words {
			require.Equal(t, word, VocabTable(number).words[i])
		}
	}
	require.Equal(t, v.Hash["0"], VocabTable(0).Hash())
	require.Equal(t, v.Hash["1"], VocabTable(1).Hash())
	require.Nil(t, VocabTable(2))
	require.Nil(t, VocabTable(-1))
}

func TestProtocolErrorTexts(t *testing.T) {
	for _, c := range vectors(t).Negotiation.ProtocolErrors {
		if c.ReplyHex == "" {
			continue // a violation: TestViolations
		}
		t.Run(c.What, func(t *testing.T) {
			_, err := testReader(vector{Hex: c.SentHex}.bytes(t), 1).Next()
			var p *ProtocolError
			require.ErrorAs(t, err, &p)
			w := testWriter(1)
			w.Error(p.Error())
			require.Equal(t, vector{Hex: c.ReplyHex}.bytes(t), written(t, w))
		})
	}
}
