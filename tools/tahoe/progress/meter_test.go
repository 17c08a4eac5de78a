package progress

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := Start(&out)
		m.Expect(3, 4<<20)
		n, err := io.Copy(io.Discard, m.Reader(strings.NewReader(strings.Repeat("x", 1<<20))))
		require.NoError(t, err)
		require.EqualValues(t, 1<<20, n)
		m.FileDone()
		time.Sleep(Interval + time.Millisecond)
		m.Stop()
		m.Stop()
		require.Equal(t, "\r\x1b[K1.0 MiB of 4.0 MiB, 1 of 3 files, 2.0 MiB/s\r\x1b[K", out.String())
	})
}

func TestMeter_shortWorkShowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		Start(&out).Stop()
		require.Empty(t, out.String())
	})
}

func TestMeter_nil(t *testing.T) {
	var m *Meter
	m.Expect(1, 1)
	m.FileDone()
	r := strings.NewReader("x")
	require.Same(t, r, m.Reader(r))
	m.Stop()
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 99 << 10: "99.0 KiB", 512 << 10: "512 KiB", 1 << 62: "4.0 EiB",
	} {
		require.Equal(t, want, size(bytes))
	}
}

func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	require.False(t, IsTerminal(file))
	require.False(t, IsTerminal(&bytes.Buffer{}))
}
