package immutable

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Part is a part of a share that can be found wrong.
type Part string

// The parts of a share, in the order in which a reader checks them.
const (
	PartHeader             Part = "header"
	PartUEB                Part = "URI extension block"
	PartShareHashes        Part = "share hash chain"
	PartBlockHashTree      Part = "block hash tree"
	PartBlock              Part = "block"
	PartCiphertextHashTree Part = "crypttext hash tree"
)

// noSegment stands for a part that belongs to no segment.
const noSegment = -1

// CorruptShareError says that a share does not hold what the cap promises.
type CorruptShareError struct {
	// Server and ShareNum say which share it is.
	Server   grid.ServerID
	ShareNum grid.ShareNum
	// Part is where the first wrong hash, or other nonsense, was met.
	Part Part
	// Segment is the segment that was wanted, -1 if the part belongs to none.
	Segment int64
	// Err says what is wrong.
	Err error
}

// Error gives all of it.
func (e *CorruptShareError) Error() string {
	where := string(e.Part)
	if e.Segment != noSegment {
		where = fmt.Sprintf("%s for segment %d", e.Part, e.Segment)
	}
	return fmt.Sprintf("corrupt share %d on %s: %s: %v", e.ShareNum, e.Server.Name(), where, e.Err)
}

// Unwrap returns what is wrong.
func (e *CorruptShareError) Unwrap() error { return e.Err }

// ReadError says that a share could not be read.
type ReadError struct {
	// Server and ShareNum say which share it is.
	Server   grid.ServerID
	ShareNum grid.ShareNum
	// Err is the source's error.
	Err error
}

// Error gives all of it.
func (e *ReadError) Error() string {
	return fmt.Sprintf("read share %d on %s: %v", e.ShareNum, e.Server.Name(), e.Err)
}

// Unwrap returns the source's error.
func (e *ReadError) Unwrap() error { return e.Err }

// errWrongHash is the reason where a hash is simply another one.
var errWrongHash = errors.New("wrong hash")

// BadUEBError says that the URI extension block is the one that the cap means,
// but makes no sense or asks for more than [MaxSegmentSize]. Other shares have
// the same, so there is nothing to be done. (checker.py, BadURIExtension.)
type BadUEBError struct {
	// Err says what is wrong.
	Err error
}

// Error says what is wrong.
func (e *BadUEBError) Error() string { return fmt.Sprintf("file cannot be read: %v", e.Err) }

// Unwrap returns what is wrong.
func (e *BadUEBError) Unwrap() error { return e.Err }

// BadCiphertextHashError says that k good shares gave a segment that is not the
// one that the cap means. No share is to blame: whoever made the cap encoded
// the file wrongly or on purpose so that it differs by the choice of shares.
type BadCiphertextHashError struct {
	// Segment is the segment's number.
	Segment int64
}

// Error gives the segment.
func (e *BadCiphertextHashError) Error() string {
	return fmt.Sprintf("segment %d, decoded from good shares, has the wrong hash: the file was encoded wrongly", e.Segment)
}

// NotEnoughSharesError says that fewer than k different shares could be used.
type NotEnoughSharesError struct {
	// Segment is the segment that was wanted, -1 if it did not get that far.
	Segment int64
	// Needed is k, Good how many shares could be used.
	Needed, Good int
	// Problems has the errors of all shares that could not.
	Problems []error
}

// Error counts; the problems are for Unwrap.
func (e *NotEnoughSharesError) Error() string {
	s := fmt.Sprintf("not enough shares: %d of %d needed are good, %d are not", e.Good, e.Needed, len(e.Problems))
	if len(e.Problems) > 0 {
		s += fmt.Sprintf(" (the first: %v)", e.Problems[0])
	}
	return s
}

// Unwrap returns the problems.
func (e *NotEnoughSharesError) Unwrap() []error { return e.Problems }

// RangeError says that a segment or position outside the file was asked for.
type RangeError struct {
	// What is "segment" or "offset".
	What string
	// Value is what was asked for, the file has 0..End-1.
	Value, End int64
}

// Error gives the value and the range.
func (e *RangeError) Error() string {
	return fmt.Sprintf("no %s %d in a file that has %d", e.What, e.Value, e.End)
}
