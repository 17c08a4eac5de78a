package mutable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// A Snapshot is one version of a file that some servers hold. It never changes,
// but it may be gone when it is read: then the read fails with an
// *UnrecoverableError. Safe for concurrent use.
type Snapshot struct {
	file    *File
	m       *ServerMap
	version mutablelayout.Header
}

// Version returns the header, which names the version: two snapshots with equal
// headers have equal contents.
func (s *Snapshot) Version() mutablelayout.Header { return s.version }

// Size returns the size of the plaintext in bytes.
func (s *Snapshot) Size() int64 { return s.version.DataSize }

// maxSurveys bounds how often the servers are asked anew for a version while it
// is read.
const maxSurveys = 3

// CopyRange writes size bytes of the plaintext from offset on to w. Both must lie
// within the file, otherwise the error is a *RangeError. What was written is
// verified, whatever the error; errors of w come back wrapped.
func (s *Snapshot) CopyRange(ctx context.Context, w io.Writer, offset, size int64) error {
	if offset < 0 || size < 0 || offset > s.version.DataSize || size > s.version.DataSize-offset {
		return &RangeError{Offset: offset, Size: size, FileSize: s.version.DataSize}
	}
	m, bad := s.m, map[badShare]error{}
	for surveys := 0; ; surveys++ {
		n, err := s.copyFrom(ctx, m, bad, w, offset, size)
		offset, size = offset+n, size-n
		var own *writeError
		if err == nil || errors.As(err, &own) || ctx.Err() != nil || surveys == maxSurveys {
			return err
		}
		last := err
		if m, err = s.file.Survey(ctx, ModeAll); err != nil {
			return err
		}
		if !slices.Contains(m.census().Recoverable(), s.version) {
			return last
		}
	}
}

// badShare names a share that must not be tried again.
type badShare struct {
	server string
	num    int
}

func (s *Snapshot) copyFrom(ctx context.Context, m *ServerMap, bad map[badShare]error, w io.Writer, offset, size int64) (int64, error) {
	skip := make(map[*Share]error)
	for _, share := range m.shares {
		if err := bad[badShare{string(share.Server.ID), share.Num}]; err != nil && share.Err == nil {
			skip[share] = err
		}
	}
	r, err := s.file.newRetrieval(m.without(skip), s.version)
	if err != nil {
		return 0, err
	}
	n, err := r.copyRange(ctx, w, offset, size)
	for share, err := range r.bad {
		if isCorrupt(err) {
			bad[badShare{string(share.Server.ID), share.Num}] = err
		}
	}
	return n, err
}

// ReadAll returns the plaintext, which must not be larger than limit, otherwise
// the error is a *TooLargeError.
func (s *Snapshot) ReadAll(ctx context.Context, limit int64) ([]byte, error) {
	if s.version.DataSize > limit {
		return nil, &TooLargeError{Size: s.version.DataSize, Limit: limit}
	}
	buffer := bytes.NewBuffer(make([]byte, 0, s.version.DataSize))
	if err := s.CopyRange(ctx, buffer, 0, s.version.DataSize); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// Current returns the version of the file that counts now. Where the file was
// used before it asks servers only whether their shares are what they were. The
// error is an *UnrecoverableError if there is none that can be read, or that of
// ctx.
func (f *File) Current(ctx context.Context) (*Snapshot, error) {
	m, err := f.currentMap(ctx)
	for try := 0; err == nil; try++ {
		best, notFound := m.Best()
		if notFound == nil {
			return &Snapshot{file: f, m: m, version: best}, nil
		}
		// Somebody may be in the middle of writing.
		if try == maxSurveys || len(m.census().UnrecoverableNewer()) == 0 {
			return nil, notFound
		}
		if err = f.client.pause(ctx, try); err == nil {
			m, err = f.Survey(ctx, ModeAll)
		}
	}
	return nil, err
}

func (f *File) currentMap(ctx context.Context) (*ServerMap, error) {
	last := f.shared.lastMap()
	if last == nil || last.outdated(f.client.cfg.Servers.Permuted(f.shared.si)) {
		return f.Survey(ctx, ModeRead)
	}
	return f.shared.checks.do(func() (*ServerMap, error) {
		ctx := context.WithoutCancel(ctx) // others wait for the same; calls are bounded
		last := f.shared.lastMap()
		if last != nil && f.unchanged(ctx, last) {
			return last, nil
		}
		return f.Survey(ctx, ModeWrite)
	})
}

// Read is Current and CopyRange of what lies in the file: it writes at most size
// bytes from offset on to w and returns how many there were. A negative size
// means all. An offset at the end or behind it gives nothing.
func (f *File) Read(ctx context.Context, w io.Writer, offset, size int64) (int64, error) {
	if offset < 0 {
		return 0, &RangeError{Offset: offset, Size: size}
	}
	out := &counter{Writer: w}
	for try := 0; ; try++ {
		s, err := f.Current(ctx)
		if err != nil {
			return 0, err
		}
		n := max(s.Size()-offset, 0)
		if size >= 0 {
			n = min(n, size)
		}
		err = s.CopyRange(ctx, out, min(offset, s.Size()), n)
		var gone *UnrecoverableError
		if out.n > 0 || try == maxSurveys || !errors.As(err, &gone) {
			return out.n, err
		}
	}
}

// counter counts what is written.
type counter struct {
	io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
