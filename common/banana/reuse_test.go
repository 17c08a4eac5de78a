package banana

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecycledBuffersCarryTheirOwnBytesOnly(t *testing.T) {
	for _, size := range []int{minReused - 1, minReused, 1 << 20, reusedSize, reusedSize + 1} {
		old := largeBuffer(int64(size))
		require.Len(t, old, size)
		for i := range old {
			old[i] = 'x'
		}
		Recycle(old)
		want := bytes.Repeat([]byte{'y'}, max(minReused, size-10))
		got := readBack(t, want)
		require.Equal(t, want, got)
	}
}

// readBack writes a byte string and reads it.
func readBack(t *testing.T, data []byte) []byte {
	stream := message(t, testWriter(1), Int(1), Bytes(data))
	m, err := NewReader(bytes.NewReader(stream), VocabTable(1)).Next()
	require.NoError(t, err)
	return m.Items[1].(Bytes)
}

func TestRecycleLeavesForeignBuffersAlone(t *testing.T) {
	Recycle(nil)
	Recycle(make([]byte, minReused))
	Recycle(make([]byte, 10, reusedSize)) // a part of something
	for range 3 {
		require.Equal(t, reusedSize, cap(largeBuffer(minReused)))
	}
}
