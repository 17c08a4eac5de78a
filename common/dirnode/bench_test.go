package dirnode_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func thousand() []dirnode.Initial {
	children := make([]dirnode.Initial, 1000)
	for i := range children {
		children[i] = dirnode.Initial{Name: fmt.Sprintf("file %04d", i), Child: file(fmt.Sprintf("content %d", i))}
	}
	return children
}

func BenchmarkAddToThousand(b *testing.B) {
	d := create(b, newGateway(b, mutabletest.New(3), 1, 3), uri.SDMF, thousand()...)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, d.Link(b.Context(), "new", file("x"), nil, dirformat.Nothing))
		b.StopTimer()
		_, err := d.Unlink(b.Context(), dirnode.Unlink{Name: "new"})
		require.NoError(b, err)
		b.StartTimer()
	}
}

func BenchmarkListThousand(b *testing.B) {
	d := create(b, newGateway(b, mutabletest.New(3), 1, 3), uri.SDMF, thousand()...)
	b.ReportAllocs()
	for b.Loop() {
		l, err := d.List(b.Context())
		require.NoError(b, err)
		n := 0
		for range l.All() {
			n++
		}
		require.Equal(b, 1000, n)
	}
}

// BenchmarkListThousandCold reads the directory anew each time.
func BenchmarkListThousandCold(b *testing.B) {
	g := mutabletest.New(3)
	d := create(b, newGateway(b, g, 1, 3), uri.SDMF, thousand()...)
	b.ReportAllocs()
	for b.Loop() {
		o, err := newGateway(b, g, 1, 3).Open(d.Cap())
		require.NoError(b, err)
		l, err := o.List(b.Context())
		require.NoError(b, err)
		require.Equal(b, 1000, l.Len())
	}
}

// BenchmarkMkdir makes directories with a key at hand, as while the pool lasts.
func BenchmarkMkdir(b *testing.B) {
	k := key(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		gw := newGateway(b, mutabletest.New(3), 1, 3)
		b.StartTimer()
		_, err := gw.CreateWithKey(b.Context(), uri.SDMF, k, nil)
		require.NoError(b, err)
	}
}
