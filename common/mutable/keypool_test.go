package mutable

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/rsakey"
)

func TestKeyPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int32
		p := newKeyPool(2, func() (rsakey.PrivateKey, error) {
			made.Add(1)
			return rsakey.PrivateKey{}, nil
		})
		synctest.Wait()
		require.Equal(t, 2, p.Len())
		require.EqualValues(t, 3, made.Load(), "two in the pool and one at hand")
		for range 5 {
			_, err := p.Get()
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, 2, p.Len(), "filled up again")
		}
		require.EqualValues(t, 8, made.Load())
		p.Close()
		p.Close()
		for range 4 {
			_, err := p.Get()
			require.NoError(t, err, "keys are made when the pool is empty")
		}
	})
}

func TestKeyPoolFailure(t *testing.T) {
	failure := errors.New("no randomness")
	p := newKeyPool(1, func() (rsakey.PrivateKey, error) { return rsakey.PrivateKey{}, failure })
	_, err := p.Get()
	require.ErrorIs(t, err, failure)
	p.Close()
	none := NewKeyPool(0)
	defer none.Close()
	a, err := none.Get()
	require.NoError(t, err)
	b, err := rsakey.Generate(rand.Reader)
	require.NoError(t, err)
	require.False(t, a.Equal(b))
}
