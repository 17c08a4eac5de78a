package banana

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// referenceSize is how long a byte string must be to be referenced rather than
// copied: below, another write to the connection costs more than the copy.
const referenceSize = 4 << 10

// Writer appends tokens to a batch of buffers, which Take hands out. The zero
// value is not usable: see NewWriter. A Writer is used by one goroutine at a time.
//
// Byte strings of 4 KiB and more are referenced: they must not be changed until
// the batch has been written. Use [Lent] to learn when that is.
type Writer struct {
	// Extend, if not nil, writes values of types that this package does not know.
	Extend func(w *Writer, v Value) error

	vocab *Vocab
	opens uint64
	batch *Batch
	seen  map[Value]uint64 // containers of this message by open number
	mark  mark
}

// mark is the state to go back to when a message cannot be written.
type mark struct {
	opens       uint64
	chunks      int
	start, tail int
	size        int64
}

// NewWriter returns a Writer that abbreviates the words of the table.
func NewWriter(vocab *Vocab) *Writer { return &Writer{vocab: vocab, batch: newBatch()} }

// Begin starts a message: the scope of references, and what Rollback undoes.
func (w *Writer) Begin() {
	clear(w.seen)
	w.mark = mark{w.opens, len(w.batch.chunks), w.batch.start, len(w.batch.tail), w.batch.size}
}

// Rollback undoes everything since Begin, if Take was not called since. Lent
// buffers go back to their owners.
func (w *Writer) Rollback() {
	b := w.batch
	for _, c := range b.chunks[w.mark.chunks:] {
		c.release()
	}
	clear(b.chunks[w.mark.chunks:])
	b.chunks = b.chunks[:w.mark.chunks]
	b.tail, b.start, b.size = b.tail[:w.mark.tail], w.mark.start, w.mark.size
	w.opens = w.mark.opens
}

// Size returns the number of bytes that Take would hand out.
func (w *Writer) Size() int64 { return w.batch.Size() }

// Take returns what was written since the last Take, nil if nothing was. The
// caller owns the batch and calls its Release.
func (w *Writer) Take() *Batch {
	if w.batch.Size() == 0 {
		return nil
	}
	b := w.batch
	w.batch = newBatch()
	return b
}

// Open writes an OPEN and the type of the sequence. It returns the number that
// Close needs.
func (w *Writer) Open(kind string) uint64 {
	number := w.opens
	w.opens++
	w.token(number, tokenOpen)
	w.Bytes([]byte(kind))
	return number
}

// Close ends the innermost sequence, whose Open returned the number.
func (w *Writer) Close(number uint64) { w.token(number, tokenClose) }

// Ping writes a PING.
func (w *Writer) Ping(number uint64) { w.ping(number, tokenPing) }

// Pong writes the answer to a PING.
func (w *Writer) Pong(number uint64) { w.ping(number, tokenPong) }

// ping leaves out the number 0 (banana.py sendPING).
func (w *Writer) ping(number uint64, kind byte) {
	if number == 0 {
		w.raw(kind)
		return
	}
	w.token(number, kind)
}

// Abort writes an ABORT of the sequence with that number. The Closes follow
// nevertheless. Who can should use Rollback instead.
func (w *Writer) Abort(number uint64) { w.token(number, tokenAbort) }

// Error writes an ERROR with up to MaxErrorSize bytes of the text, after which
// the connection is to be closed.
func (w *Writer) Error(text string) {
	if len(text) > MaxErrorSize {
		text = text[:MaxErrorSize-10] + "..."
	}
	w.token(uint64(len(text)), tokenError)
	w.raw([]byte(text)...)
}

// Int writes an integer.
func (w *Writer) Int(n int64) {
	switch {
	case n < -1<<31:
		w.longInt(uint64(-(n+1))+1, tokenLongNeg)
	case n < 0:
		w.token(uint64(-n), tokenNeg)
	case n < 1<<31:
		w.token(uint64(n), tokenInt)
	default:
		w.longInt(uint64(n), tokenLongInt)
	}
}

func (w *Writer) longInt(magnitude uint64, kind byte) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], magnitude)
	i := 0
	for b[i] == 0 {
		i++
	}
	w.token(uint64(len(b)-i), kind)
	w.raw(b[i:]...)
}

func (w *Writer) bigInt(n *big.Int) error {
	if n == nil {
		return fmt.Errorf("write banana: big integer is nil")
	}
	if n.IsInt64() {
		w.Int(n.Int64())
		return nil
	}
	kind := byte(tokenLongInt)
	if n.Sign() < 0 {
		kind = tokenLongNeg
	}
	b := n.Bytes()
	if len(b) > MaxLongIntSize {
		return fmt.Errorf("write banana: integer of %d bytes, at most %d", len(b), MaxLongIntSize)
	}
	w.token(uint64(len(b)), kind)
	w.raw(b...)
	return nil
}

// Float writes a double.
func (w *Writer) Float(f float64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], math.Float64bits(f))
	w.raw(tokenFloat)
	w.raw(b[:]...)
}

// Bytes writes a byte string. See Writer for when b may change again.
func (w *Writer) Bytes(b []byte) { w.bytes(b, nil) }

func (w *Writer) bytes(b []byte, lent *Lent) {
	c := chunk{b, lent}
	if i, ok := w.vocab.lookup(b); ok {
		w.token(uint64(i), tokenVocab)
		c.release()
		return
	}
	w.token(uint64(len(b)), tokenString)
	if len(b) < referenceSize {
		w.raw(b...)
		c.release()
		return
	}
	w.batch.reference(c)
}

// text writes a string without making a []byte of it first.
func (w *Writer) text(s string) {
	if w.vocab.longest > 0 && len(s) <= w.vocab.longest {
		w.Bytes([]byte(s))
		return
	}
	w.token(uint64(len(s)), tokenString)
	w.batch.tail = append(w.batch.tail, s...)
	w.batch.size += int64(len(s))
}

func (w *Writer) token(number uint64, kind byte) {
	before := len(w.batch.tail)
	w.batch.tail = appendToken(w.batch.tail, number, kind)
	w.batch.size += int64(len(w.batch.tail) - before)
}

func (w *Writer) raw(b ...byte) {
	w.batch.tail = append(w.batch.tail, b...)
	w.batch.size += int64(len(b))
}

// Value writes a value. After an error the message is unfinished: call Rollback.
func (w *Writer) Value(v Value) error {
	switch v := v.(type) {
	case Int:
		w.Int(int64(v))
	case BigInt:
		return w.bigInt(v.Int)
	case Float:
		w.Float(float64(v))
	case Bytes:
		w.Bytes(v)
	case *Lent:
		w.bytes(v.Data, v)
	case Text:
		w.wrapped("unicode", string(v))
	case Decimal:
		w.wrapped("decimal", string(v))
	case Bool:
		w.bool(bool(v))
	case None:
		w.Close(w.Open("none"))
	case *List, *Tuple, *Dict, *Set:
		return w.container(v)
	case nil:
		return fmt.Errorf("write banana: no value")
	default:
		if w.Extend == nil {
			return fmt.Errorf("write banana: %T cannot be written here", v)
		}
		return w.Extend(w, v)
	}
	return nil
}

func (w *Writer) wrapped(kind, text string) {
	n := w.Open(kind)
	w.text(text)
	w.Close(n)
}

func (w *Writer) bool(b bool) {
	n := w.Open("boolean")
	if b {
		w.Int(1)
	} else {
		w.Int(0)
	}
	w.Close(n)
}

// container writes a container, or a reference if this one was written in this
// message already.
func (w *Writer) container(v Value) error {
	if number, ok := w.seen[v]; ok {
		n := w.Open("reference")
		w.token(number, tokenInt)
		w.Close(n)
		return nil
	}
	n := w.Open(v.Kind())
	if w.seen == nil {
		w.seen = make(map[Value]uint64)
	}
	w.seen[v] = n
	if err := w.contents(v); err != nil {
		return err
	}
	w.Close(n)
	return nil
}

func (w *Writer) contents(v Value) error {
	switch v := v.(type) {
	case *List:
		return w.items(v.Items)
	case *Tuple:
		return w.items(v.Items)
	case *Set:
		return w.items(v.Items)
	case *Dict:
		for _, p := range v.Pairs {
			if err := w.Value(p.Key); err != nil {
				return err
			}
			if err := w.Value(p.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) items(items []Value) error {
	for _, item := range items {
		if err := w.Value(item); err != nil {
			return err
		}
	}
	return nil
}
