package foolscap

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/stretchr/testify/require"
)

// TestLateTryKeepsTheWinner: of two tries of one attempt, the second goes on after
// the first has won, for it has not heard of that yet. The master must see that
// both are of one attempt, and keep the first.
func TestLateTryKeepsTheWinner(t *testing.T) {
	noLeaks(t)
	low, high := twoCertificates(t)
	server, client := newTub(t, Options{Certificate: high}), newTub(t, Options{Certificate: low})
	hint, err := furl.ParseHint(serve(t, server))
	require.NoError(t, err)
	f, err := server.Register(newObject(), secret.Swissnum{})
	require.NoError(t, err)
	for range 3 { // the first time the client remembers nothing, then something
		client.mu.Lock()
		to := client.target(server.TubID())
		client.mu.Unlock()
		_, err = client.dialHint(t.Context(), DialTCP, hint, to)
		require.NoError(t, err)
		_, err = client.dialHint(t.Context(), DialTCP, hint, to)
		require.ErrorContains(t, err, duplicateText)
		ref, err := client.GetReference(t.Context(), f)
		require.NoError(t, err)
		ref.Drop()
	}
}

// TestGetReferenceOnSurvivor: the connection is replaced by another while
// GetReference waits for the answer.
func TestGetReferenceOnSurvivor(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		f, err := furl.New(somePeer, nil, secret.NewSwissnum([]byte("name")))
		require.NoError(t, err)
		first, there := attach(t, tub, somePeer)
		var ref *Reference
		done := make(chan struct{})
		go func() {
			defer close(done)
			ref, err = tub.GetReference(context.Background(), f)
		}()
		require.Equal(t, banana.Bytes("getReferenceByName"), nextCall(t, there)[3])
		for range 3 {
			replacement, other := attach(t, tub, somePeer)
			first.close(fmt.Errorf("%w: replaced by a new connection", ErrDisconnected))
			synctest.Wait()
			select {
			case <-done:
				require.NoError(t, err)
			default:
			}
			require.Equal(t, banana.Bytes("getReferenceByName"), nextCall(t, other)[3])
			first, there = replacement, other
		}
		w := banana.NewWriter(banana.VocabTable(1))
		n := w.Open("answer")
		w.Int(1)
		r := w.Open("my-reference")
		w.Int(1)
		w.Bytes([]byte("RITest.example.org"))
		w.Close(r)
		w.Close(n)
		_, writeErr := there.Write(bytesOf(w))
		require.NoError(t, writeErr)
		<-done
		require.NoError(t, err)
		require.Same(t, first, ref.conn)
		require.Equal(t, "RITest.example.org", ref.RemoteInterface())
	})
}

// TestGetReferenceLost: without a replacement it fails.
func TestGetReferenceLost(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		f, err := furl.New(somePeer, nil, secret.NewSwissnum([]byte("name")))
		require.NoError(t, err)
		_, there := attach(t, tub, somePeer)
		failed := make(chan error)
		go func() {
			_, err := tub.GetReference(context.Background(), f)
			failed <- err
		}()
		nextCall(t, there)
		require.NoError(t, there.Close())
		require.ErrorIs(t, <-failed, ErrDisconnected)
	})
}

// nextCall reads a call: its type, number, object, method and arguments.
func nextCall(t *testing.T, conn net.Conn) []banana.Value {
	r := answers(conn)
	r.Extensions["arguments"] = readArguments
	return nextAnswer(t, r)
}
