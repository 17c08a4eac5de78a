package download

import "github.com/besn0847/arm-tahoe/common/immutable"

// buffer returns a buffer for the block of a segment. The segment size is known.
func (f *file) buffer(seg int64) []byte {
	segs, _ := f.v.Segments()
	size := segs.BlockSizeOf(seg)
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.buffers); n > 0 {
		b := f.buffers[n-1]
		f.buffers = f.buffers[:n-1]
		return b[:size]
	}
	return make([]byte, size, segs.BlockSizeOf(0)) // all but the last have that
}

// recycle takes a buffer back.
func (f *file) recycle(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recycleLocked(b)
}

// recycleLocked takes a buffer back; nil is none. The mutex is held.
func (f *file) recycleLocked(b []byte) {
	if b == nil {
		return
	}
	if segs, _ := f.v.Segments(); int64(cap(b)) >= segs.BlockSizeOf(0) && len(f.buffers) < (MaxAhead+1)*segs.K {
		f.buffers = append(f.buffers, b)
	}
}

// decoder returns a decoder that nobody uses.
func (f *file) decoder() (*immutable.SegmentDecoder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.decoders); n > 0 {
		d := f.decoders[n-1]
		f.decoders = f.decoders[:n-1]
		return d, nil
	}
	return immutable.NewSegmentDecoder(f.v)
}

// giveDecoderLocked takes a decoder back. The mutex is held.
func (f *file) giveDecoderLocked(d *immutable.SegmentDecoder) {
	if len(f.decoders) <= MaxAhead {
		f.decoders = append(f.decoders, d)
	}
}
