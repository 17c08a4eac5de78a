package mutable

import (
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// A Source is what is to be written to a file. It may be read several times, as
// a publish may have to be tried again. bytes.Reader, strings.Reader and
// io.SectionReader are sources.
type Source interface {
	io.ReaderAt
	// Size returns the number of bytes.
	Size() int64
}

// readFull fills p from the offset.
func readFull(src Source, p []byte, offset int64) error {
	n, err := src.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	return fmt.Errorf("read what is to be written to a mutable file at %d: %w", offset+int64(n), err)
}

// content is a new version that is ready to be written to servers.
type content struct {
	version *mutablelayout.Version
	parts   []part // of the blocks, ascending
	// inPlace says that shares must be of the base version, because only what
	// differs is written.
	inPlace bool
}

// part is a range of all shares.
type part struct {
	offset int64
	shares [][]byte // by share number
}

// encode makes all shares of a version from its plaintext.
func (f *File) encode(keys *mutablelayout.Keys, p mutablelayout.Params, src Source, random io.Reader) (*content, error) {
	p.DataSize = src.Size()
	if err := f.checkMemory(p); err != nil {
		return nil, err
	}
	b, err := mutablelayout.NewBuilder(keys, p, random)
	if err != nil {
		return nil, err
	}
	c := &content{}
	var blocks part
	plain := []byte(nil)
	for offset := int64(0); ; {
		_, size, ok := b.Next()
		if !ok {
			break
		}
		plain = grow(plain, size)
		if err := readFull(src, plain, offset); err != nil {
			return nil, err
		}
		seg, err := b.AddSegment(plain)
		if err != nil {
			return nil, err
		}
		blocks.add(seg, p.K == 1, b.NumSegments()-seg.Number)
		offset += size
	}
	if blocks.shares != nil {
		c.parts = append(c.parts, blocks)
	}
	c.version, err = b.Finish()
	return c, err
}

// grow returns a slice of the size, p if it has the capacity.
func grow(p []byte, size int64) []byte {
	if int64(cap(p)) < size {
		return make([]byte, size)
	}
	return p[:size]
}

// add appends the blocks of a segment. Where all shares are equal they are the
// same slice. more is the number of segments that are to be expected.
func (p *part) add(seg mutablelayout.Segment, equal bool, more int64) {
	if p.shares == nil {
		p.offset, p.shares = seg.Offset, make([][]byte, len(seg.Blocks))
		for i := range p.shares {
			if i == 0 || !equal {
				p.shares[i] = make([]byte, 0, int64(len(seg.Blocks[i]))*more)
			}
		}
	}
	for i, block := range seg.Blocks {
		if equal && i > 0 {
			p.shares[i] = p.shares[0]
			continue
		}
		p.shares[i] = append(p.shares[i], block...)
	}
}

// checkMemory refuses what does not fit Config.MaxMemory.
func (f *File) checkMemory(p mutablelayout.Params) error {
	if size := f.memory(p, p.DataSize); size > f.client.cfg.MaxMemory {
		return &TooLargeError{Size: size, Limit: f.client.cfg.MaxMemory}
	}
	return nil
}

// memory returns about how many bytes the shares of so much plaintext take.
func (f *File) memory(p mutablelayout.Params, size int64) int64 {
	if p.K == 1 {
		return size
	}
	return size / int64(p.K) * int64(p.N)
}
