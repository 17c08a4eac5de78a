package mutable_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func BenchmarkOverwriteSDMF(b *testing.B) {
	f := create(b, newClient(b, config(mutabletest.New(3).View(), 1, 1, 3)), uri.SDMF, text(10000))
	data := text(10000)
	b.ReportAllocs()
	for b.Loop() {
		_, err := f.Overwrite(b.Context(), bytes.NewReader(data))
		require.NoError(b, err)
	}
}

func BenchmarkReadMDMF(b *testing.B) {
	data := text(10 << 20)
	f := create(b, newClient(b, config(mutabletest.New(3).View(), 1, 1, 3)), uri.MDMF, data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := f.Read(b.Context(), io.Discard, 0, -1)
		require.NoError(b, err)
	}
}

func BenchmarkOverwriteMDMF(b *testing.B) {
	data := text(10 << 20)
	f := create(b, newClient(b, config(mutabletest.New(3).View(), 1, 1, 3)), uri.MDMF, data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := f.Overwrite(b.Context(), bytes.NewReader(data))
		require.NoError(b, err)
	}
}

func BenchmarkKeyPool(b *testing.B) {
	p := mutable.NewKeyPool(1)
	defer p.Close()
	for b.Loop() {
		_, err := p.Get()
		require.NoError(b, err)
	}
}
