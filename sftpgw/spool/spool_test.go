package spool

import (
	"bytes"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// model is what a File should be: bytes, and which of them were written.
type model struct {
	data    []byte
	written []bool
}

func (m *model) write(p []byte, offset int64) {
	copy(m.data[offset:], p)
	for i := range p {
		m.written[offset+int64(i)] = true
	}
}

func (m *model) truncate(size int64) { clear(m.written[size:]) }

// check compares a file with the model, extents and bytes.
func (m *model) check(t *testing.T, f *File, quota *Quota) {
	var sum int64
	var last int64 = -1
	parts := f.Extents()
	written := make([]bool, len(m.written))
	for _, e := range parts {
		require.Positive(t, e.Size)
		require.Greater(t, e.Offset, last, "touching or out of order")
		last = e.End()
		sum += e.Size
		for i := e.Offset; i < e.End(); i++ {
			written[i] = true
		}
		p := make([]byte, e.Size)
		_, err := f.ReadAt(p, e.Offset)
		require.NoError(t, err)
		require.Equal(t, m.data[e.Offset:e.End()], p)
	}
	require.Equal(t, m.written, written)
	require.Equal(t, sum, quota.Used())
}

func TestFileAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	quota := NewQuota(t.TempDir(), 1<<20)
	f := New(quota)
	m := &model{make([]byte, 1<<12), make([]bool, 1<<12)}
	for range 400 {
		offset := random.Int64N(1 << 12)
		if random.IntN(10) == 0 {
			require.NoError(t, f.Truncate(offset))
			m.truncate(offset)
		} else {
			p := make([]byte, random.Int64N(min(200, 1<<12-offset)+1))
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			_, err := f.WriteAt(p, offset)
			require.NoError(t, err)
			m.write(p, offset)
		}
		m.check(t, f, quota)
		part, ok := f.Next(offset)
		if ok {
			require.GreaterOrEqual(t, part.Offset, offset)
			require.True(t, m.written[part.Offset])
		}
	}
	require.NoError(t, f.Close())
	require.Zero(t, quota.Used())
}

func TestLargeOffsetsAndChunks(t *testing.T) {
	f := New(NewQuota(t.TempDir(), 1<<30))
	defer f.Close()
	const border = 1 << 38 // where the nonce changes
	p := bytes.Repeat([]byte("distributed "), 20000)
	_, err := f.WriteAt(p, border-100_001)
	require.NoError(t, err)
	got := make([]byte, 1000)
	_, err = f.ReadAt(got, border-501)
	require.NoError(t, err)
	require.Equal(t, p[99_500:100_500], got)
}

func TestNothingReadableIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	f := New(NewQuota(dir, 1<<20))
	defer f.Close()
	_, err := f.WriteAt([]byte("attack at dawn"), 0)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "the file has no name")
	raw := make([]byte, 14)
	_, err = f.file.ReadAt(raw, 0)
	require.NoError(t, err)
	require.NotEqual(t, "attack at dawn", string(raw))
}

func TestQuota(t *testing.T) {
	quota := NewQuota(t.TempDir(), 100)
	one, two := New(quota), New(quota)
	_, err := one.WriteAt(make([]byte, 60), 0)
	require.NoError(t, err)
	_, err = two.WriteAt(make([]byte, 50), 0)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Empty(t, two.Extents())
	_, err = one.WriteAt(make([]byte, 60), 0)
	require.NoError(t, err, "the same bytes once more")
	require.NoError(t, one.Truncate(50))
	_, err = two.WriteAt(make([]byte, 50), 1000)
	require.NoError(t, err)
	require.NoError(t, two.Close())
	require.NoError(t, one.Close())
	require.Zero(t, quota.Used())
}

func TestNoDirectory(t *testing.T) {
	f := New(NewQuota(t.TempDir()+"/missing", 100))
	_, err := f.WriteAt([]byte("x"), 0)
	require.ErrorContains(t, err, "make a spool file")
}
