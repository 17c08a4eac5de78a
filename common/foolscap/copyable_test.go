package foolscap

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
)

// TestCopyable: an object goes over a connection and comes back the same, with
// what is in it.
func TestCopyable(t *testing.T) {
	p := connected(t, true, Options{}, Options{})
	sent := &Copyable{Class: "Results.example.org", Attributes: []Attribute{
		{"none", banana.None{}},
		{"map", banana.NewDict(banana.Pair{Key: banana.Int(1), Value: banana.NewSet(banana.Bytes("a"))})},
		{"float", banana.Float(0.25)},
	}}
	v, err := p.ref.Call(t.Context(), "echo", sent)
	require.NoError(t, err)
	got, err := AsCopyable(v, "Results.example.org")
	require.NoError(t, err)
	require.Equal(t, sent, got)
	float, ok := got.Get("float")
	require.True(t, ok)
	require.Equal(t, banana.Float(0.25), float)
	_, ok = got.Get("double")
	require.False(t, ok)
	_, err = AsCopyable(v, "Other.example.org")
	require.ErrorContains(t, err, "unknown RemoteCopy name")
	_, err = AsCopyable(banana.Int(1), "Other.example.org")
	require.ErrorContains(t, err, "INT token rejected")

	failed := &Copyable{Class: "x", Attributes: []Attribute{{"bad", nil}}}
	_, err = p.ref.Call(t.Context(), "echo", failed)
	require.Error(t, err)
	_, err = p.ref.Call(t.Context(), "none")
	require.NoError(t, err, "the connection goes on")
}

// TestCopyableReferences: references in an object that nobody wanted are given
// back.
func TestCopyableReferences(t *testing.T) {
	object := newObject()
	p := connected(t, true, Options{}, Options{})
	v, err := p.ref.Call(t.Context(), "echo", &Copyable{Class: "x", Attributes: []Attribute{{"ref", p.ref}, {"mine", Object{object}}}})
	require.NoError(t, err)
	c, err := AsCopyable(v, "x")
	require.NoError(t, err)
	require.Len(t, collect(nil, c), 1, "what the server has; the other is ours")
	ReleaseAll(v)
	_, err = p.ref.Call(t.Context(), "none")
	require.NoError(t, err)
}

func TestReadCopyable(t *testing.T) {
	name := banana.Bytes("x")
	for row, items := range map[string][]banana.Value{
		"empty":              {},
		"class is text":      {banana.Text("x")},
		"class too long":     {banana.Bytes(strings.Repeat("x", maxCopyableClass+1))},
		"no value":           {name, name},
		"name is a number":   {name, banana.Int(1), name},
		"name too long":      {name, banana.Bytes(strings.Repeat("x", maxAttributeName+1)), name},
		"failure with a gap": {banana.Bytes(failureClass), name},
		"odd failure":        {banana.Bytes(failureClass), name, name},
	} {
		t.Run(row, func(t *testing.T) {
			_, err := readCopyable(items)
			var violation *banana.Violation
			require.ErrorAs(t, err, &violation)
		})
	}
}

// TestCallLimited: an answer that is too large is refused, and nothing else.
func TestCallLimited(t *testing.T) {
	p := connected(t, true, Options{}, Options{})
	_, err := p.ref.CallLimited(t.Context(), 2000, "echo", make(banana.Bytes, 900))
	require.NoError(t, err)
	_, err = p.ref.CallLimited(t.Context(), 2000, "echo", make(banana.Bytes, 3000))
	var violation *banana.Violation
	require.ErrorAs(t, err, &violation)
	_, err = p.ref.CallLimited(t.Context(), 100, "fail")
	require.ErrorIs(t, err, &RemoteError{Type: "builtins.KeyError"}, "failures have limits of their own")
	_, err = p.ref.Call(t.Context(), "echo", make(banana.Bytes, 3000))
	require.NoError(t, err, "the connection goes on")
}

// TestBegin: calls under way are served in the order sent, and may be given up.
func TestBegin(t *testing.T) {
	p := connected(t, true, Options{}, Options{})
	var calls []*Call
	for i := range 50 {
		c, err := p.ref.Begin(t.Context(), 1000, "echo", banana.Int(i))
		require.NoError(t, err)
		calls = append(calls, c)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i, c := range calls {
		if i%10 == 3 {
			_, err := c.Wait(gone)
			require.True(t, err == nil || errors.Is(err, context.Canceled))
			continue
		}
		v, err := c.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, banana.Int(i), v)
	}
	_, err := p.ref.Begin(gone, 0, "echo", banana.Int(1))
	require.ErrorIs(t, err, context.Canceled)
}
