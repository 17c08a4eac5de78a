package sftpserver_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkTransfer moves a file of 32 MiB over SSH, on a grid in memory: it is
// what SSH, SFTP and the spool cost.
func BenchmarkTransfer(b *testing.B) {
	content := make([]byte, 32<<20)
	g := start(b)
	c := g.client(b, "tahoe")
	b.Run("put", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		b.ReportAllocs()
		for b.Loop() {
			put(b, c, "file", content)
		}
	})
	b.Run("get", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		b.ReportAllocs()
		for b.Loop() {
			f, err := c.Open("file")
			require.NoError(b, err)
			var to bytes.Buffer
			_, err = f.WriteTo(io.Writer(&to))
			require.NoError(b, err)
			require.Equal(b, len(content), to.Len())
			require.NoError(b, f.Close())
		}
	})
}
