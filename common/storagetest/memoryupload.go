package storagetest

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// memoryUpload is a grid.Upload; its core's mutex guards it.
type memoryUpload struct {
	core    *Memory
	key     memoryKey
	secret  secret.UploadSecret
	size    int64
	data    []byte // as long as what was written needs
	written []bool // as long as data
}

func (u *memoryUpload) open() bool { return u.core.uploads[u.key] == u }

func (u *memoryUpload) Write(_ context.Context, offset int64, data []byte) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	length := int64(len(data))
	switch {
	case !u.open():
		return grid.ErrWriterClosed
	case offset < 0:
		return &grid.ArgumentError{Field: "offset", Reason: "negative"}
	case offset > u.size-length:
		return &grid.DataTooLargeError{MaxSize: u.size, Offset: offset, Length: length}
	}
	if more := offset + length - int64(len(u.data)); more > 0 {
		u.data = append(u.data, make([]byte, more)...)
		u.written = append(u.written, make([]bool, more)...)
	}
	there, written := u.data[offset:offset+length], u.written[offset:offset+length]
	for i := range data {
		if written[i] && there[i] != data[i] {
			return &grid.ConflictingWriteError{Range: grid.Range{Begin: offset, End: offset + length}}
		}
	}
	copy(there, data)
	for i := range written {
		written[i] = true
	}
	return nil
}

func (u *memoryUpload) Required() (missing []grid.Range) {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	end := int64(len(u.written))
	for at, done := range u.written {
		switch last := len(missing) - 1; {
		case done:
		case last >= 0 && missing[last].End == int64(at):
			missing[last].End++
		default:
			missing = append(missing, grid.Range{Begin: int64(at), End: int64(at) + 1})
		}
	}
	if end < u.size {
		missing = append(missing, grid.Range{Begin: end, End: u.size})
	}
	return missing
}

func (u *memoryUpload) Close(context.Context) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	if !u.open() {
		return grid.ErrWriterClosed
	}
	delete(u.core.uploads, u.key)
	s := u.core.slots[u.key.si]
	if s == nil {
		s = &memorySlot{kind: grid.Immutable, shares: map[grid.ShareNum][]byte{}}
		u.core.slots[u.key.si] = s
	}
	s.shares[u.key.n] = append(append([]byte{}, u.data...), make([]byte, u.size-int64(len(u.data)))...)
	return nil
}

func (u *memoryUpload) Abort(context.Context) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	if u.open() {
		delete(u.core.uploads, u.key)
	}
	return nil
}
