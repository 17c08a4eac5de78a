package banana

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"math/big"
	"sync/atomic"
)

// ReadBufferSize is the buffer of a Reader; longer strings bypass it.
const ReadBufferSize = 4 << 10

// Message is one top-level sequence.
type Message struct {
	Type  string
	Items []Value // as far as they came when there was a violation
	// Violation, if not nil, is why the rest was skipped: a *Violation, or what
	// Admit, Reserve or an extension returned.
	Violation error
	// Aborted says that the sender itself gave the message up.
	Aborted bool
	// Reserved is the memory that was asked of Reserve for it.
	Reserved int64
}

// Extension makes a value of a finished sequence of a type that this package
// does not know. The items are its own. Its error is a violation if it wraps a
// *Violation, and ends the stream if not.
type Extension func(items []Value) (Value, error)

// Reader reads messages from a stream. The fields are set before the first read.
// A Reader is used by one goroutine at a time, but for Busy.
type Reader struct {
	// Limits hold for each message until Admit changes them.
	Limits Limits
	// Extensions are the types allowed below the top level besides values.
	Extensions map[string]Extension
	// Admit, if not nil, is asked about a message as soon as its type is known
	// and after each item of its own: an error, which must wrap a *Violation,
	// refuses the rest. It may change the limits for what follows.
	Admit func(m *Message, limits *Limits) error
	// Reserve, if not nil, is asked for memory before it is used, and may block.
	// An error must wrap a *Violation. What was granted is in Message.Reserved.
	Reserve func(n int64) error
	// Ping, if not nil, is called with the number of each PING.
	Ping func(number uint64)

	in      *bufio.Reader
	vocab   *Vocab
	opens   uint64 // OPEN tokens so far; the number that references use
	meter   meter
	stack   []string // types of the open sequences
	open    int      // open sequences, one more than in stack while the type is read
	objects []object
	aborted bool
	busy    atomic.Bool
}

// object is a container of the current message.
type object struct {
	number uint64
	value  Value // nil while it is open
	weight int64 // values in it
}

// NewReader returns a Reader with DefaultLimits. If in is a *bufio.Reader, it is
// used as it is.
func NewReader(in io.Reader, vocab *Vocab) *Reader {
	buffered, ok := in.(*bufio.Reader)
	if !ok {
		buffered = bufio.NewReaderSize(in, ReadBufferSize)
	}
	return &Reader{Limits: DefaultLimits, in: buffered, vocab: vocab}
}

// Busy says whether the Reader is inside a message: when it is and no data
// comes, the peer has stalled. Safe for concurrent use.
func (r *Reader) Busy() bool { return r.busy.Load() }

// Next returns the next message. It blocks until there is one. The error is what
// the stream returned (io.EOF between messages, io.ErrUnexpectedEOF inside), a
// *ProtocolError or a *RemoteError; then the Reader must not be used again.
// The message is valid for as long as the caller keeps it.
func (r *Reader) Next() (*Message, error) {
	for {
		t, err := r.token()
		switch {
		case err != nil:
			return nil, err
		case t.kind == tokenOpen:
			return r.message(t)
		case t.kind == tokenAbort: // of nothing
		case t.kind == tokenClose:
			return nil, r.protocolErrorf("lost sync, got CLOSE(%d) but expecting None", t.number)
		default:
			return nil, r.protocolErrorf("top-level must be OPEN")
		}
	}
}

// message reads what follows the OPEN of a top-level sequence.
func (r *Reader) message(open token) (*Message, error) {
	r.busy.Store(true)
	defer r.busy.Store(false)
	r.meter.reset(r.Limits)
	r.meter.reserve = r.Reserve
	r.stack, r.open, r.objects, r.aborted = r.stack[:0], 0, r.objects[:0], false
	m := &Message{}
	err := r.fill(m, open)
	if err != nil && !fatal(err) {
		m.Violation, m.Aborted = err, r.aborted
		err = r.skip()
	}
	m.Reserved = r.meter.reserved
	clear(r.objects)
	if cap(r.objects) > 1024 {
		r.objects = nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return m, err // for the sake of Reserved
	}
	return m, nil
}

func (r *Reader) fill(m *Message, open token) (err error) {
	if m.Type, _, err = r.enter(); err != nil {
		return err
	}
	for {
		if r.Admit != nil {
			if err := r.Admit(m, &r.meter.limits); err != nil {
				return err
			}
		}
		v, done, err := r.child(open.number)
		if done || err != nil {
			return err
		}
		m.Items = append(m.Items, v)
	}
}

// enter reads the type of the sequence just opened and gives it a number.
func (r *Reader) enter() (kind string, number uint64, err error) {
	number = r.opens
	r.opens++
	r.open++
	if r.open > r.meter.limits.Depth {
		return "", 0, r.skipType(Violationf("sequences nest deeper than %d", r.meter.limits.Depth))
	}
	if err := r.meter.values(1); err != nil {
		return "", 0, r.skipType(err)
	}
	kind, err = r.typeName()
	if err == nil {
		r.stack = append(r.stack, kind)
	}
	return kind, number, err
}

// skipType reads over the type of a sequence that is refused whatever it is, so
// that skip begins behind it.
func (r *Reader) skipType(violation error) error {
	if _, err := r.typeName(); fatal(err) {
		return err
	}
	return violation
}

// typeName reads an index token (broker.py PBRootUnslicer.openerCheckToken).
func (r *Reader) typeName() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	switch t.kind {
	case tokenVocab:
		return r.word(t)
	case tokenString:
		if t.number > MaxTypeName {
			if err := r.discard(t.number); err != nil {
				return "", err
			}
			return "", Violationf("first opentype STRING token is too long, %d>%d", t.number, MaxTypeName)
		}
		var name [MaxTypeName]byte
		_, err := io.ReadFull(r.in, name[:t.number])
		return intern(name[:t.number]), err
	case tokenOpen:
		return "", r.protocolErrorf("OPEN token followed by OPEN")
	case tokenClose, tokenAbort:
		return "", r.protocolErrorf("lost sync, got %s without a type", tokenName(t.kind))
	}
	if err := r.discardBody(t); err != nil {
		return "", err
	}
	return "", Violationf("index token 0x%02x not STRING or VOCAB", t.kind)
}

// intern saves an allocation for the names in use.
func intern(name []byte) string {
	if i, ok := vocabs[MaxVocab].lookup(name); ok {
		return vocab1[i]
	}
	return string(name)
}

// child reads the next value of the innermost sequence, or its end.
func (r *Reader) child(openNumber uint64) (v Value, done bool, err error) {
	t, err := r.token()
	if err != nil {
		return nil, false, err
	}
	switch t.kind {
	case tokenClose:
		if t.number != openNumber {
			return nil, false, r.protocolErrorf("lost sync, got CLOSE(%d) but expecting %d", t.number, openNumber)
		}
		r.open--
		r.stack = r.stack[:len(r.stack)-1]
		return nil, true, nil
	case tokenAbort:
		r.aborted = true
		return nil, false, Violationf("ABORT received")
	case tokenOpen:
		v, err = r.sequence(t)
		return v, false, err
	}
	v, err = r.primitive(t)
	return v, false, err
}

// primitive returns the value of a token that is one.
func (r *Reader) primitive(t token) (Value, error) {
	if err := r.meter.values(1); err != nil {
		return nil, r.afterBody(t, err)
	}
	switch t.kind {
	case tokenInt:
		return Int(t.number), nil
	case tokenNeg:
		return Int(-int64(t.number)), nil
	case tokenString:
		return r.bytes(t)
	case tokenVocab:
		word, err := r.word(t)
		return Bytes(word), err
	case tokenFloat:
		var b [8]byte
		_, err := io.ReadFull(r.in, b[:])
		return Float(math.Float64frombits(binary.BigEndian.Uint64(b[:]))), err
	}
	return r.longInt(t)
}

// afterBody reads over the body of a refused token, so that skip begins behind it.
func (r *Reader) afterBody(t token, violation error) error {
	if err := r.discardBody(t); err != nil {
		return err
	}
	return violation
}

func (r *Reader) longInt(t token) (Value, error) {
	if t.number > MaxLongIntSize {
		return nil, r.afterBody(t, Violationf("%s token too large: %d>%d", tokenName(t.kind), t.number, MaxLongIntSize))
	}
	var buf [MaxLongIntSize]byte
	if _, err := io.ReadFull(r.in, buf[:t.number]); err != nil {
		return nil, err
	}
	n := new(big.Int).SetBytes(buf[:t.number])
	if t.kind == tokenLongNeg {
		n.Neg(n)
	}
	if err := r.meter.bytes(int64(t.number)); err != nil {
		return nil, err
	}
	return fromBig(n), nil
}

func (r *Reader) bytes(t token) (Value, error) {
	if limit := r.meter.limits.String; t.number > uint64(limit) {
		return nil, r.afterBody(t, Violationf("STRING token too large: %d>%d", t.number, limit))
	}
	size := int64(t.number)
	if size > r.meter.limits.Message-r.meter.charged || size > math.MaxInt32 {
		return nil, r.afterBody(t, Violationf("message too large: more than %d bytes", r.meter.limits.Message))
	}
	var buf []byte
	for {
		want := min(size, max(eagerSize, 2*int64(len(buf))))
		if err := r.meter.bytes(want - int64(len(buf))); err != nil {
			t.number -= uint64(len(buf))
			return nil, r.afterBody(t, err)
		}
		grown := largeBuffer(want)
		copy(grown, buf)
		if _, err := io.ReadFull(r.in, grown[len(buf):]); err != nil {
			return nil, err
		}
		if buf = grown; want == size {
			return Bytes(buf), nil
		}
	}
}

func (r *Reader) word(t token) (string, error) {
	if t.number >= uint64(len(r.vocab.words)) {
		return "", r.protocolErrorf("undefined vocabulary index %d", t.number)
	}
	return r.vocab.words[t.number], nil
}
