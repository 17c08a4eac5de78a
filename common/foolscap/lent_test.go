package foolscap

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/stretchr/testify/require"
)

// lender counts what it lends and what comes back.
type lender struct{ lent, returned atomic.Int64 }

func (l *lender) lend(size int) *banana.Lent {
	l.lent.Add(1)
	return &banana.Lent{Data: make([]byte, size), Done: func() { l.returned.Add(1) }}
}

func (l *lender) allBack() bool { return l.lent.Load() == l.returned.Load() }

// lendingObject answers with lent bytes.
type lendingObject struct {
	lender
	calls atomic.Int64
}

func (o *lendingObject) RemoteInterface() string { return "" }

func (o *lendingObject) RemoteCall(_ context.Context, r *Request) (banana.Value, error) {
	o.calls.Add(1)
	answer := banana.NewList(banana.NewTuple(o.lend(10_000)), banana.NewDict(banana.Pair{Key: banana.Int(1), Value: o.lend(10)}))
	switch r.Method {
	case "bad":
		answer.Items = append(answer.Items, nil, o.lend(10_000))
	case "error":
		return answer.Items[0], errors.New("after all")
	}
	return answer, nil
}

// TestLentAnswersComeBack: whether they are sent or not.
func TestLentAnswersComeBack(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		object := &lendingObject{}
		c, there := attach(t, tub, somePeer)
		exportTo(c, object)
		w := banana.NewWriter(banana.VocabTable(1))
		callTo(w, 1, 1, "good", banana.None{})
		callTo(w, 2, 1, "bad", banana.None{})
		callTo(w, 0, 1, "nobody waits", banana.None{})
		callTo(w, 3, 1, "good", banana.None{})
		all := bytesOf(w)
		go func() { _, _ = there.Write(all) }()
		r := answers(there)
		require.Len(t, nextAnswer(t, r), 3)
		_, isFailure := nextAnswer(t, r)[2].(*RemoteError)
		require.True(t, isFailure)
		require.Len(t, nextAnswer(t, r), 3)
		synctest.Wait()
		require.EqualValues(t, 4, object.calls.Load())
		require.True(t, object.allBack())

		callTo(w, 4, 1, "good", banana.None{})
		go func() { _, _ = there.Write(bytesOf(w)) }()
		synctest.Wait() // the answer is on its way, and nobody reads
		require.False(t, object.allBack())
		require.NoError(t, there.Close())
		synctest.Wait()
		require.True(t, object.allBack(), "the connection was lost")
	})
}

// TestLentArgumentsComeBack: also if the call is never made.
func TestLentArgumentsComeBack(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		var l lender
		c, there := attach(t, tub, somePeer)
		stale, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := c.call(stale, 1, "x", []banana.Value{l.lend(10_000)})
		require.ErrorIs(t, err, context.Canceled)
		_, err = c.call(t.Context(), 1, "x", []banana.Value{l.lend(10_000), nil, Named{"n", l.lend(10_000)}})
		require.ErrorContains(t, err, "no value")
		require.True(t, l.allBack())
		require.NoError(t, c.send(t.Context(), 1, "x", []banana.Value{l.lend(10_000)}))
		synctest.Wait()
		require.False(t, l.allBack(), "on its way")
		require.NoError(t, there.Close())
		synctest.Wait()
		require.True(t, l.allBack())
		require.ErrorIs(t, c.send(t.Context(), 1, "x", []banana.Value{l.lend(10_000)}), ErrDisconnected)
		require.True(t, l.allBack())
	})
}

// TestUnreadAnswersStopCalls: a peer that does not read its answers gets no more
// of them, and does not hold up others.
func TestUnreadAnswersStopCalls(t *testing.T) {
	bubble(t, Options{Limits: Limits{Outgoing: 10_000}}, func(t *testing.T, tub *Tub) {
		object := &lendingObject{}
		c, there := attach(t, tub, somePeer)
		exportTo(c, object)
		w := banana.NewWriter(banana.VocabTable(1))
		for i := range int64(10) {
			callTo(w, i+1, 1, "good", banana.None{})
		}
		all := bytesOf(w)
		go func() { _, _ = there.Write(all) }()
		time.Sleep(time.Second)
		require.EqualValues(t, 2, object.calls.Load())

		other, alsoThere := attach(t, tub, grid.TubID{2})
		exportTo(other, object)
		callTo(w, 1, 1, "good", banana.None{})
		go func() { _, _ = alsoThere.Write(bytesOf(w)) }()
		require.Len(t, nextAnswer(t, answers(alsoThere)), 3)

		go func() { _, _ = io.Copy(io.Discard, there) }()
		synctest.Wait()
		require.EqualValues(t, 11, object.calls.Load())
	})
}

// rememberingObject counts the calls of each connection.
type rememberingObject struct{ lost atomic.Int64 }

func (o *rememberingObject) RemoteInterface() string { return "" }

func (o *rememberingObject) RemoteCall(_ context.Context, r *Request) (banana.Value, error) {
	count := r.Local(o, func() any {
		r.OnDisconnect(func() { o.lost.Add(1) })
		return new(int64)
	}).(*int64)
	*count++
	return banana.Int(*count), nil
}

func TestLocal(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		object := &rememberingObject{}
		var wires []net.Conn
		for i := range byte(2) {
			c, there := attach(t, tub, grid.TubID{i})
			exportTo(c, object)
			wires = append(wires, there)
			w := banana.NewWriter(banana.VocabTable(1))
			callTo(w, 1, 1, "x", banana.None{})
			callTo(w, 2, 1, "x", banana.None{})
			go func() { _, _ = there.Write(bytesOf(w)) }()
			r := answers(there)
			require.Equal(t, banana.Int(1), nextAnswer(t, r)[2], "on a connection of its own")
			require.Equal(t, banana.Int(2), nextAnswer(t, r)[2])
		}
		require.NoError(t, wires[0].Close())
		synctest.Wait()
		require.EqualValues(t, 1, object.lost.Load())
	})
	v, err := new(rememberingObject).RemoteCall(t.Context(), &Request{})
	require.NoError(t, err)
	require.Equal(t, banana.Int(1), v, "a request without a connection")
}
