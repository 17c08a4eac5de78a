package helperserver

import (
	"context"
	"errors"
	"math"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
)

// rawReader is a client that answers what it likes.
type rawReader struct {
	size, params banana.Value
	read         func(ctx context.Context, offset, length int64) (banana.Value, error)
}

func (r *rawReader) RemoteInterface() string { return helperrpc.ReaderInterface }

func (r *rawReader) RemoteCall(ctx context.Context, req *foolscap.Request) (banana.Value, error) {
	switch req.Method {
	case "get_size":
		return r.size, nil
	case "get_all_encoding_parameters":
		return r.params, nil
	case "read_encrypted":
		args := req.Args("offset", "length")
		offset, length := args.Offset(0), args.Int(1, 0, math.MaxInt32)
		req.Unblock()
		return r.read(ctx, offset, length)
	}
	return nil, nil
}

func ints(values ...int64) banana.Value {
	tuple := banana.NewTuple()
	for _, v := range values {
		tuple.Items = append(tuple.Items, banana.Int(v))
	}
	return tuple
}

func zeros(_ context.Context, _, length int64) (banana.Value, error) {
	return banana.NewList(make(banana.Bytes, length)), nil
}

// uploadRaw begins an upload with a raw reader.
func uploadRaw(t testing.TB, f *fixture, si grid.StorageIndex, r *rawReader) (*helperrpc.Results, error) {
	_, up, err := dial(t, f.address).UploadCHK(t.Context(), si)
	require.NoError(t, err)
	defer up.Release()
	return up.Upload(t.Context(), r)
}

// TestHostileClients: whatever a client says, the upload fails with a sentence,
// and the helper serves the next one.
func TestHostileClients(t *testing.T) {
	f := newFixture(t, 4, func(c *Config) {
		c.MaxSize = 1 << 40
		c.Free = func() (int64, error) { return 1 << 30, nil }
	})
	good := ints(2, 2, 4, 1000)
	for name, row := range map[string]struct {
		reader rawReader
		says   string
	}{
		"empty file":               {rawReader{banana.Int(0), good, zeros}, "size"},
		"negative size":            {rawReader{banana.Int(-1), good, zeros}, "ask for the size"},
		"size is text":             {rawReader{banana.Text("1"), good, zeros}, "ask for the size"},
		"huge size":                {rawReader{banana.Int(math.MaxInt64), ints(1, 1, 1, 1<<20), zeros}, "files of up to"},
		"more than the disk holds": {rawReader{banana.Int(1<<40 - 1), ints(2, 2, 4, 16<<20), zeros}, "no room"},
		"huge segments":            {rawReader{banana.Int(1 << 35), ints(2, 2, 200, 1<<34), zeros}, "use smaller segments"},
		"tiny segments":            {rawReader{banana.Int(1 << 39), ints(2, 2, 4, 2), zeros}, "encoding parameters"},
		"k is 0":                   {rawReader{banana.Int(1000), ints(0, 2, 4, 1000), zeros}, "needed"},
		"k is negative":            {rawReader{banana.Int(1000), ints(-2, 2, 4, 1000), zeros}, "needed"},
		"n is 257":                 {rawReader{banana.Int(1000), ints(2, 2, 257, 1000), zeros}, "total"},
		"happy is 0":               {rawReader{banana.Int(1000), ints(2, 0, 4, 1000), zeros}, "happy"},
		"segment size is odd":      {rawReader{banana.Int(1000), ints(2, 2, 4, 999), zeros}, "segment"},
		"segment size is 0":        {rawReader{banana.Int(1000), ints(2, 2, 4, 0), zeros}, "segment"},
		"segment size is negative": {rawReader{banana.Int(1000), ints(2, 2, 4, -2), zeros}, "segment"},
		"three parameters":         {rawReader{banana.Int(1000), ints(2, 2, 4), zeros}, "encoding parameters"},
		"too little": {rawReader{banana.Int(1000), good, func(_ context.Context, _, length int64) (banana.Value, error) {
			return banana.NewList(make(banana.Bytes, length-1)), nil
		}}, "999 bytes"},
		"nothing": {rawReader{banana.Int(1000), good, func(context.Context, int64, int64) (banana.Value, error) {
			return banana.NewList(), nil
		}}, "0 bytes"},
		"too much": {rawReader{banana.Int(1000), good, func(_ context.Context, _, length int64) (banana.Value, error) {
			return banana.NewList(make(banana.Bytes, length+1)), nil
		}}, "too large"},
		"far too much": {rawReader{banana.Int(1000), good, func(context.Context, int64, int64) (banana.Value, error) {
			return banana.NewList(make(banana.Bytes, 4<<20)), nil
		}}, "too large"},
		"an error": {rawReader{banana.Int(1000), good, func(context.Context, int64, int64) (banana.Value, error) {
			return nil, errors.New("my dog ate it")
		}}, "my dog ate it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := uploadRaw(t, f, grid.StorageIndex{0: byte(len(name)), 1: name[0]}, &row.reader)
			require.ErrorContains(t, err, row.says)
			require.Empty(t, f.helper.Uploads())
			require.Empty(t, f.files(t, encodingDir))
		})
	}
	file := newFile(t, 1<<20, someParams, 1<<20, 9)
	r, err := file.upload(t.Context(), dial(t, f.address))
	require.NoError(t, err)
	require.Equal(t, file.result(t).UEBHash, r.UEBHash)
}

// TestNever: a client that does not answer is given up.
func TestNever(t *testing.T) {
	f := newFixture(t, 4, func(c *Config) { c.ReadTime = 100 * time.Millisecond })
	over := make(chan struct{})
	_, err := uploadRaw(t, f, grid.StorageIndex{1}, &rawReader{banana.Int(1000), ints(2, 2, 4, 1000),
		func(context.Context, int64, int64) (banana.Value, error) {
			<-over
			return nil, errors.New("at last")
		}})
	close(over)
	require.ErrorContains(t, err, errTooSlow.Error())
}

// TestPoison: a client that sends other ciphertext under a storage index spoils
// the upload for others, who can see it by the UEB, and nothing else.
func TestPoison(t *testing.T) {
	f := newFixture(t, 4, nil)
	file := newFile(t, 1<<20, someParams, 1<<20, 10)
	poison := newFile(t, 1<<20, someParams, 1<<20, 11)
	poison.si = file.si
	poison.before = func(offset int64) error {
		if offset > 0 {
			return errors.New("that is enough")
		}
		return nil
	}
	client := dial(t, f.address)
	_, err := poison.upload(t.Context(), client)
	require.ErrorContains(t, err, "that is enough")
	r, err := file.upload(t.Context(), client)
	require.NoError(t, err)
	require.NotEqual(t, file.result(t).UEBHash, r.UEBHash)

	other := newFile(t, 1<<19, someParams, 1<<20, 12)
	another := newFile(t, 1<<18, someParams, 1<<20, 12)
	another.si = other.si
	joined := make(chan struct{})
	other.before = func(int64) error {
		<-joined
		return errors.New("gone")
	}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	second := dial(t, f.address)
	wg.Go(func() { _, errs[0] = other.upload(t.Context(), client) })
	require.Eventually(t, func() bool { return f.helper.isActive(other.si) }, time.Minute, time.Millisecond)
	wg.Go(func() { _, errs[1] = another.upload(t.Context(), second) })
	require.Eventually(t, func() bool {
		f.helper.mu.Lock()
		defer f.helper.mu.Unlock()
		return len(f.helper.active[other.si].all) == 2
	}, time.Minute, time.Millisecond)
	close(joined)
	wg.Wait()
	for _, err := range errs {
		require.ErrorContains(t, err, "another file under this storage index")
	}
}

// TestWindow: requests come in the order of offsets, the first alone, then as many
// at once as configured, and never more.
func TestWindow(t *testing.T) {
	const size, chunk = 1 << 20, 64 << 10
	f := newFixture(t, 4, func(c *Config) { c.ChunkSize, c.Window = chunk, 3 })
	var mu sync.Mutex // guards all below
	var offsets []int64
	busy := 0
	full := make(chan struct{}) // closed when three are waiting
	alone := true
	reader := &rawReader{banana.Int(size), ints(2, 2, 4, size), func(_ context.Context, offset, length int64) (banana.Value, error) {
		mu.Lock()
		offsets = append(offsets, offset)
		busy++
		if busy == 3 && offset == 3*chunk {
			close(full)
		}
		alone = alone && (offset > 0 || busy == 1)
		mu.Unlock()
		if offset > 0 {
			<-full
		}
		mu.Lock()
		defer mu.Unlock()
		alone = alone && busy <= 3
		busy--
		return banana.NewList(make(banana.Bytes, length/2), make(banana.Bytes, length-length/2)), nil
	}}
	r, err := uploadRaw(t, f, grid.StorageIndex{5}, reader)
	require.NoError(t, err)
	require.EqualValues(t, size, r.CiphertextFetched)
	require.True(t, alone)
	require.Len(t, offsets, size/chunk)
	for i, offset := range offsets[:4] {
		require.EqualValues(t, i*chunk, offset)
	}
}

// TestLimits: refusals say what to do.
func TestLimits(t *testing.T) {
	var mu sync.Mutex // guards free
	free := int64(10 << 20)
	f := newFixture(t, 4, func(c *Config) {
		c.MaxActive, c.Reserved = 2, 1<<20
		c.Free = func() (int64, error) {
			mu.Lock()
			defer mu.Unlock()
			if free < 0 {
				return 0, errors.New("no such disk")
			}
			return free, nil
		}
	})
	client := dial(t, f.address)
	release := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 2 {
		file := newFile(t, 4<<20, someParams, 1<<20, uint64(20+i))
		file.before = func(int64) error {
			<-release
			return nil
		}
		c := dial(t, f.address)
		wg.Go(func() {
			if _, err := file.upload(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool {
		list := f.helper.Uploads()
		return len(list) == 2 && list[0].Size > 0 && list[1].Size > 0
	}, time.Minute, time.Millisecond)
	third := newFile(t, 1000, someParams, 1<<20, 22)
	_, err := third.upload(t.Context(), client)
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: typeTooFull})
	require.ErrorContains(t, err, "busy with 2 other uploads")
	close(release)
	wg.Wait()

	_, err = newFile(t, 9<<20+1, someParams, 1<<20, 23).upload(t.Context(), client)
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: typeTooFull})
	require.ErrorContains(t, err, "no room for the 9437185 bytes")
	mu.Lock()
	free = -1
	mu.Unlock()
	_, err = third.again().upload(t.Context(), client)
	require.ErrorContains(t, err, "its log says how")
	mu.Lock()
	free = 10 << 20
	mu.Unlock()
	_, err = third.again().upload(t.Context(), client)
	require.NoError(t, err)
}

// TestPromises: what active uploads are still to fetch counts as taken.
func TestPromises(t *testing.T) {
	f := newFixture(t, 4, func(c *Config) {
		c.Reserved = -1
		c.Free = func() (int64, error) { return 5 << 20, nil }
	})
	h := f.helper
	first, second := newIntake(h, grid.StorageIndex{1}), newIntake(h, grid.StorageIndex{2})
	h.active[first.si], h.active[second.si] = first, second
	require.NoError(t, h.reserve(first, 3<<20))
	require.Error(t, h.reserve(second, 3<<20))
	require.NoError(t, h.reserve(first, 4<<20), "its own promise is replaced")
	require.NoError(t, h.reserve(second, 1<<20))
	first.missing.Store(0)
	require.NoError(t, h.reserve(second, 5<<20))
	clear(h.active)
}

func TestConfig(t *testing.T) {
	f := newFixture(t, 1, nil)
	good := f.helper.cfg
	for name, change := range map[string]func(*Config){
		"no directory": func(c *Config) { c.Dir = "" }, "no servers": func(c *Config) { c.Servers = nil },
		"no uploader": func(c *Config) { c.Uploader = nil }, "negative limit": func(c *Config) { c.MaxFiles = -1 },
		"not a directory": func(c *Config) { c.Dir = "/dev/null/x" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			_, err := New(cfg)
			require.Error(t, err)
		})
	}
}

// TestFullDisk: a disk that fills up in the middle is told as such.
func TestFullDisk(t *testing.T) {
	err := failure(diskFailed("write ciphertext", &os.PathError{Op: "write", Path: "/secret/path", Err: syscall.ENOSPC}))
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: typeTooFull})
	require.NotContains(t, err.Error(), "secret")
}
