package helperrpc

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

//go:embed testdata/helper.json
var helperJSON []byte

// copyable reads an object as package foolscap does.
func copyable(items []banana.Value) (banana.Value, error) {
	if len(items)%2 != 1 {
		return nil, banana.Violationf("odd")
	}
	class, err := foolscap.AsBytes(items[0], 0, 200)
	if err != nil {
		return nil, err
	}
	c := &foolscap.Copyable{Class: string(class)}
	for i := 1; i < len(items); i += 2 {
		name, err := foolscap.AsBytes(items[i], 0, 200)
		if err != nil {
			return nil, err
		}
		c.Attributes = append(c.Attributes, foolscap.Attribute{Name: string(name), Value: items[i+1]})
	}
	return c, nil
}

func unknown([]banana.Value) (banana.Value, error) { return banana.None{}, nil }

func newReader(data []byte) *banana.Reader {
	r := banana.NewReader(bytes.NewReader(data), banana.VocabTable(1))
	r.Extensions = map[string]banana.Extension{"copyable": copyable, "my-reference": unknown, "arguments": unknown}
	return r
}

// captured returns the answers of one side in a captured exchange.
func captured(t testing.TB, exchange, from string) (answers []banana.Value) {
	var all map[string]struct {
		Messages []struct{ From, Hex string }
	}
	require.NoError(t, json.Unmarshal(helperJSON, &all))
	require.Contains(t, all, exchange)
	var stream []byte
	for _, m := range all[exchange].Messages {
		if m.From == from {
			data, err := hex.DecodeString(m.Hex)
			require.NoError(t, err)
			stream = append(stream, data...)
		}
	}
	for r := newReader(stream); ; {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return answers
		}
		require.NoError(t, err)
		require.NoError(t, m.Violation)
		if m.Type == "answer" {
			answers = append(answers, m.Items[1])
		}
	}
}

// TestResultsOfTahoe: what 1.20 sent is understood, and made again the same.
func TestResultsOfTahoe(t *testing.T) {
	answers := captured(t, "helper_small", "helper")
	uploaded := answers[len(answers)-2]
	r, err := decodeResults(uploaded)
	require.NoError(t, err)
	require.EqualValues(t, 100, r.FileSize)
	require.EqualValues(t, 100, r.CiphertextFetched)
	require.Equal(t, 4, r.Pushed)
	require.Zero(t, r.Preexisting)
	require.Len(t, r.ShareMap, 4)
	require.Len(t, r.ServerMap, 2)
	require.Len(t, r.Timings, 9)
	block, err := ueb.Parse(r.UEB)
	require.NoError(t, err)
	_, err = block.Check(2, 4, 100)
	require.NoError(t, err)
	si, err := grid.ParseStorageIndex("ftnznbnuy3fmsvz7tmjagjdboi")
	require.NoError(t, err)
	again, err := r.encodeWithCap(si)
	require.NoError(t, err)
	require.Equal(t, uploaded, again)

	present, err := foolscap.AsTuple(captured(t, "helper_small2", "helper")[0], 2)
	require.NoError(t, err)
	r2, upload, err := decodeAnswer(banana.NewTuple(present...))
	require.NoError(t, err)
	require.Nil(t, upload)
	require.EqualValues(t, Unknown, r2.FileSize)
	require.EqualValues(t, Unknown, r2.CiphertextFetched)
	require.Equal(t, 4, r2.Preexisting)
	require.Equal(t, r.UEBHash, r2.UEBHash)
	encoded, err := r2.encode()
	require.NoError(t, err)
	require.Equal(t, present[0], banana.Value(encoded))
}

// TestReaderOfTahoe: the same for what a client answered.
func TestReaderOfTahoe(t *testing.T) {
	answers := captured(t, "helper_small", "client")
	require.Equal(t, banana.Int(100), answers[0])
	pieces, err := decodePieces(answers[1], 100)
	require.NoError(t, err)
	require.Len(t, bytes.Join(pieces, nil), 100)
	p, err := decodeParameters(answers[2])
	require.NoError(t, err)
	require.Equal(t, Parameters{grid.Params{K: 2, Happy: 1, N: 4}, 100}, p)
}

// FuzzAnswers: whatever a peer answers, taking it apart does not panic; results
// that are taken can be sent on and are the same then.
func FuzzAnswers(f *testing.F) {
	for _, exchange := range []string{"helper_small", "helper_small2"} {
		for _, side := range []string{"helper", "client"} {
			for _, v := range captured(f, exchange, side) {
				w := banana.NewWriter(banana.VocabTable(1))
				w.Extend = func(w *banana.Writer, v banana.Value) error {
					c := v.(*foolscap.Copyable)
					n := w.Open("copyable")
					w.Bytes([]byte(c.Class))
					for _, a := range c.Attributes {
						w.Bytes([]byte(a.Name))
						if err := w.Value(a.Value); err != nil {
							return err
						}
					}
					w.Close(n)
					return nil
				}
				n := w.Open("answer")
				require.NoError(f, w.Value(v))
				w.Close(n)
				var data bytes.Buffer
				_, err := w.Take().WriteTo(&data)
				require.NoError(f, err)
				f.Add(data.Bytes())
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReader(data)
		r.Limits = banana.Limits{Message: 1 << 20, String: 1 << 16, Depth: maxDepth}
		m, err := r.Next()
		if err != nil || m.Violation != nil || m.Aborted {
			return
		}
		for _, v := range m.Items {
			_, _, _ = decodeAnswer(v)
			_, _ = decodeVersion(v, keyHelperV1)
			_, _ = decodeParameters(v)
			if pieces, err := decodePieces(v, 1000); err == nil {
				require.LessOrEqual(t, len(bytes.Join(pieces, nil)), 1000)
			}
			results, err := decodeResults(v)
			if err != nil {
				continue
			}
			encoded, err := results.encode()
			require.NoError(t, err)
			again, err := decodeResults(encoded)
			require.NoError(t, err)
			require.Equal(t, results.UEB, again.UEB)
		}
	})
}
