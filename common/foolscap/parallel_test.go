package foolscap

import (
	"testing"

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
