package foolscap

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeLog is a connection that keeps each write, until it fails.
type writeLog struct {
	net.Conn
	writes [][]byte
	err    error
}

func (w *writeLog) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.writes = append(w.writes, bytes.Clone(b))
	return len(b), nil
}

func TestGatherKeepsOrderAndBounds(t *testing.T) {
	log := &writeLog{}
	g := &gatherConn{Conn: log}
	var want []byte
	write := func(size int, b byte) {
		data := bytes.Repeat([]byte{b}, size)
		want = append(want, data...)
		n, err := g.Write(data)
		require.NoError(t, err)
		require.Equal(t, size, n)
	}
	write(10, 'a')
	require.Len(t, log.writes, 1, "without begin nothing is held back")
	g.begin()
	for range 9 {
		write(16406, 'b')
	}
	write(gatherSize+1, 'c')
	write(3, 'd')
	require.NoError(t, g.end())
	require.NoError(t, g.end(), "there is nothing more")
	write(1, 'e')
	require.Equal(t, want, bytes.Join(log.writes, nil))
	require.Len(t, log.writes, 7) // a, 3 b, 3 b, 3 b, c, d, e
}

func TestGatherReportsLateErrors(t *testing.T) {
	broken := errors.New("broken")
	g := &gatherConn{Conn: &writeLog{err: broken}}
	g.begin()
	_, err := g.Write([]byte("held"))
	require.NoError(t, err)
	require.ErrorIs(t, g.end(), broken)
	_, err = g.Write([]byte("more"))
	require.ErrorIs(t, err, broken)
}

func TestGatherBuffersAreBounded(t *testing.T) {
	all := make([]gatherConn, maxGathering+1)
	for i := range all {
		all[i].Conn = &writeLog{}
		all[i].begin()
		defer func() { require.NoError(t, all[i].end()) }()
	}
	last := &all[maxGathering]
	_, err := last.Write([]byte("at once"))
	require.NoError(t, err)
	require.Len(t, last.Conn.(*writeLog).writes, 1)
}
