package helperserver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkUpload is an upload over loopback, where nothing is gained by requests
// in flight but that both sides work at the same time.
func BenchmarkUpload(b *testing.B) {
	for _, row := range []struct{ chunk, window int }{{51200, 1}, {DefaultChunkSize, 1}, {DefaultChunkSize, DefaultWindow}} {
		b.Run(fmt.Sprintf("%d x %d", row.window, row.chunk), func(b *testing.B) {
			f := newFixture(b, 3, func(c *Config) { c.ChunkSize, c.Window = row.chunk, row.window })
			client := dial(b, f.address)
			file := newFile(b, 64<<20, someParams, 1<<20, 1)
			b.SetBytes(file.size)
			seed := byte(0)
			for b.Loop() {
				seed++
				next := file.again()
				next.si[0] = seed
				_, err := next.upload(b.Context(), client)
				require.NoError(b, err)
			}
		})
	}
}
