package immutable

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/stretchr/testify/require"
)

// benchSize is the size of the file that the benchmarks encode.
const benchSize = 64 << 20

// discard is a sink for a share that nobody wants.
type discard struct{}

func (discard) Write(context.Context, int64, []byte) error { return nil }
func (discard) Close(context.Context) error                { return nil }
func (discard) Abort(context.Context)                      {}

func discards(n int) map[grid.ShareNum]chkencode.Sink {
	sinks := make(map[grid.ShareNum]chkencode.Sink)
	for i := range n {
		sinks[grid.ShareNum(i)] = discard{}
	}
	return sinks
}

func benchPlaintext() []byte {
	b := make([]byte, benchSize)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

// unavoidable does the work that no encoder can leave out, and nothing else: the
// given number of SHA-256 passes over plaintext sizes (the last of them may be a
// part), one AES-128-CTR pass, one erasure encoding.
type unavoidable struct {
	plaintext []byte
	passes    float64
	code      *erasure.Code
	shares    [][]byte
	out       []byte
}

func newUnavoidable(b *testing.B, plaintext []byte, k, n int) *unavoidable {
	code, err := erasure.New(k, n)
	require.NoError(b, err)
	u := &unavoidable{plaintext: plaintext, code: code, out: make([]byte, len(plaintext))}
	u.passes = 3 + float64(n)/float64(k)
	if k == 1 {
		u.passes = 4 // equal blocks need to be hashed once
	}
	for range n {
		u.shares = append(u.shares, make([]byte, (DefaultMaxSegmentSize+k-1)/k))
	}
	return u
}

func (u *unavoidable) run(b *testing.B) {
	h := taggedhash.NewCiphertextHasher()
	left := int(u.passes * float64(len(u.plaintext)))
	for ; left > 0; left -= len(u.plaintext) {
		h.Write(u.plaintext[:min(left, len(u.plaintext))])
	}
	h.Sum()
	stream, err := newStream(secret.NewImmutableKey([16]byte{1}))
	require.NoError(b, err)
	stream.XORKeyStream(u.out, u.plaintext)
	if !u.code.Replicates() {
		for done := 0; done < len(u.plaintext); done += DefaultMaxSegmentSize {
			require.NoError(b, u.code.Encode(u.shares))
		}
	}
}

// BenchmarkEncode3of10 and BenchmarkEncode1of3 encode with a convergent key on one
// core and report the speed as a part of that of the unavoidable work, measured
// alternately in the same run.
func BenchmarkEncode3of10(b *testing.B) { benchmarkEncode(b, 3, 10) }

func BenchmarkEncode1of3(b *testing.B) { benchmarkEncode(b, 1, 3) }

func benchmarkEncode(b *testing.B, k, n int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	plaintext := benchPlaintext()
	e, err := NewEncoder(Config{Size: benchSize, K: k, N: n})
	require.NoError(b, err)
	bound := newUnavoidable(b, plaintext, k, n)
	bound.run(b)
	encodeConvergent(b, e, plaintext, n)
	var encoding, unavoidable time.Duration
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		encodeConvergent(b, e, plaintext, n)
		encoding += time.Since(start)
		b.StopTimer()
		start = time.Now()
		bound.run(b)
		unavoidable += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(unavoidable)/float64(encoding), "of-bound")
	b.ReportMetric(float64(b.N)*benchSize/1e6/unavoidable.Seconds(), "bound-MB/s")
}

func encodeConvergent(b *testing.B, e *Encoder, plaintext []byte, n int) {
	key, err := e.ConvergentKey(b.Context(), bytes.NewReader(plaintext), secret.NewConvergenceSecret([]byte("bench")))
	require.NoError(b, err)
	encodeWith(b, e, key, plaintext, n)
}

func encodeWith(b *testing.B, e *Encoder, key secret.ImmutableKey, plaintext []byte, n int) {
	_, _, err := e.Encode(b.Context(), key, bytes.NewReader(plaintext), discards(n))
	require.NoError(b, err)
}

// BenchmarkEncodeTwoCores encodes with a random key, alternately with GOMAXPROCS
// 1 and 2, and reports how many times faster two are. For machines that are busy with other things it also reports how many times
// faster two goroutines are than one at hashing that has nothing in common.
func BenchmarkEncodeTwoCores(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("this machine has one core only")
	}
	for _, c := range [][2]int{{3, 10}, {1, 3}} {
		b.Run(fmt.Sprintf("%dof%d", c[0], c[1]), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
			plaintext := benchPlaintext()
			key := secret.NewImmutableKey([16]byte{2})
			var encoding, hashing [3]time.Duration
			encode := func(cores int) {
				runtime.GOMAXPROCS(cores)
				e, err := NewEncoder(Config{Size: benchSize, K: c[0], N: c[1]})
				require.NoError(b, err)
				start := time.Now()
				encodeWith(b, e, key, plaintext, c[1])
				encoding[cores] += time.Since(start)
				start = time.Now()
				hashTwice(plaintext)
				hashing[cores] += time.Since(start)
			}
			for b.Loop() {
				encode(2)
				encode(1)
			}
			b.ReportMetric(benchSize*float64(b.N)/1e6/encoding[2].Seconds(), "MB/s-on-two")
			b.ReportMetric(benchSize*float64(b.N)/1e6/encoding[1].Seconds(), "MB/s-on-one")
			b.ReportMetric(float64(encoding[1])/float64(encoding[2]), "times-one-core")
			b.ReportMetric(float64(hashing[1])/float64(hashing[2]), "times-possible")
		})
	}
}

// hashTwice hashes in two goroutines.
func hashTwice(plaintext []byte) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { taggedhash.NewBlockHasher().Of(plaintext) })
	}
	wg.Wait()
}

// BenchmarkDecode reads a file of 64 MiB from shares in memory: from primary
// shares, which need no arithmetic, and from secondary ones.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name       string
		k, n, from int
	}{
		{"3of10/primary", 3, 10, 0},
		{"3of10/secondary", 3, 10, 7},
		{"1of3", 1, 3, 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			readCap, data := encodeAll(b, Config{Size: benchSize, K: c.k, N: c.n}, benchPlaintext(), nil)
			var shares []Share
			for i := range c.k {
				shares = append(shares, memoryShare(c.from+i, data[c.from+i]))
			}
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(readCap, shares, nil)
				require.NoError(b, err)
				_, err = r.WriteRange(b.Context(), io.Discard, 0, -1)
				require.NoError(b, err)
			}
		})
	}
}
