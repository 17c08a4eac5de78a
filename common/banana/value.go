package banana

import (
	"math/big"
	"sync/atomic"
)

// Value is anything that can stand in a sequence: one of the types of this file,
// or a type of another package (package foolscap has references) which Reader
// and Writer then handle by their Extend functions. A nil Value is never read
// and cannot be written: None is a type of its own.
type Value interface {
	// Kind names the type as the protocol does: "STRING", "INT", "unicode",
	// "list" and so on.
	Kind() string
}

// Int is an integer of up to 64 bits: INT, NEG, or LONGINT, LONGNEG where the
// value needs it.
type Int int64

// BigInt is an integer outside the range of Int. Values read are never nil and
// never in that range.
type BigInt struct{ *big.Int }

// Float is a double.
type Float float64

// Bytes is a byte string. Values read belong to the receiver of the message.
// Values written must not be changed afterwards: see [Writer].
type Bytes []byte

// Lent is a byte string for writing only, whose buffer goes back to its owner.
type Lent struct {
	Data []byte
	// Done is called once, when Data is no longer needed, written or not; from
	// any goroutine. It must not block.
	Done func()

	returned atomic.Bool
}

func (l *Lent) giveBack() {
	if l.Done != nil && l.returned.CompareAndSwap(false, true) {
		l.Done()
	}
}

// GiveBack gives what is lent in a value back to its owners, for who does not
// write the value, or not to its end. What went back before is left alone.
func GiveBack(v Value) {
	switch v := v.(type) {
	case *Lent:
		v.giveBack()
	case *List:
		giveBackAll(v.Items)
	case *Tuple:
		giveBackAll(v.Items)
	case *Set:
		giveBackAll(v.Items)
	case *Dict:
		for _, p := range v.Pairs {
			GiveBack(p.Value) // byte strings that are keys are never lent
		}
	}
}

func giveBackAll(values []Value) {
	for _, v := range values {
		GiveBack(v)
	}
}

// Text is a str of Python: UTF-8.
type Text string

// Bool is True or False.
type Bool bool

// None is Python's None.
type None struct{}

// Decimal is a decimal.Decimal in Python's spelling, which is not interpreted.
type Decimal string

// The containers. Sequences read never contain themselves. Writing the same
// container (the same pointer) twice in a message makes the second a reference.
type (
	// List is a list.
	List struct{ Items []Value }
	// Tuple is a tuple.
	Tuple struct{ Items []Value }
	// Set is a set, or an immutable set (frozenset). When read, each item is there
	// once, in the order of the wire.
	Set struct {
		Items  []Value
		Frozen bool
	}
	// Dict is a dictionary: pairs in the order of the wire. When read, keys are
	// unique and hashable. Foolscap writes them sorted and reads any order.
	Dict struct{ Pairs []Pair }
	// Pair is an item of a Dict.
	Pair struct{ Key, Value Value }
)

// NewList returns a list of the items.
func NewList(items ...Value) *List { return &List{items} }

// NewTuple returns a tuple of the items.
func NewTuple(items ...Value) *Tuple { return &Tuple{items} }

// NewSet returns a mutable set of the items, which must be different.
func NewSet(items ...Value) *Set { return &Set{Items: items} }

// NewDict returns a dictionary of pairs.
func NewDict(pairs ...Pair) *Dict { return &Dict{pairs} }

// Get returns the value under a key that is a byte string.
func (d *Dict) Get(key string) (Value, bool) {
	for _, p := range d.Pairs {
		if k, ok := p.Key.(Bytes); ok && string(k) == key {
			return p.Value, true
		}
	}
	return nil, false
}

// Kind returns "INT".
func (Int) Kind() string { return "INT" }

// Kind returns "LONGINT".
func (BigInt) Kind() string { return "LONGINT" }

// Kind returns "FLOAT".
func (Float) Kind() string { return "FLOAT" }

// Kind returns "STRING".
func (Bytes) Kind() string { return "STRING" }

// Kind returns "STRING".
func (*Lent) Kind() string { return "STRING" }

// Kind returns "unicode".
func (Text) Kind() string { return "unicode" }

// Kind returns "boolean".
func (Bool) Kind() string { return "boolean" }

// Kind returns "none".
func (None) Kind() string { return "none" }

// Kind returns "decimal".
func (Decimal) Kind() string { return "decimal" }

// Kind returns "list".
func (*List) Kind() string { return "list" }

// Kind returns "tuple".
func (*Tuple) Kind() string { return "tuple" }

// Kind returns "set" or "immutable-set".
func (s *Set) Kind() string {
	if s.Frozen {
		return "immutable-set"
	}
	return "set"
}

// Kind returns "dict".
func (*Dict) Kind() string { return "dict" }

// Uint returns n as the type that holds it: Int, or BigInt above 2**63-1.
func Uint(n uint64) Value {
	if n>>63 == 0 {
		return Int(n)
	}
	return BigInt{new(big.Int).SetUint64(n)}
}

// fromBig returns the value for an integer, an Int if it fits.
func fromBig(n *big.Int) Value {
	if n.IsInt64() {
		return Int(n.Int64())
	}
	return BigInt{n}
}
