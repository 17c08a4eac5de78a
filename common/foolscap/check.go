package foolscap

import (
	"fmt"
	"math"
	"math/big"

	"github.com/besn0847/arm-tahoe/common/banana"
)

// The As functions take a value that came from a peer apart. Their errors are
// violations, worded as Foolscap's constraints word them (constraint.py,
// slicers/*.py).

// rejected is the violation of a token that a constraint does not take.
func rejected(v banana.Value, constraint string) error {
	switch v.Kind() {
	case "STRING", "INT", "LONGINT", "FLOAT":
		return banana.Violationf("%s token rejected by %s", v.Kind(), constraint)
	}
	return banana.Violationf("OPEN token rejected by %s", constraint)
}

// AsBytes returns a byte string of least to most bytes. It shares memory with v.
func AsBytes(v banana.Value, least, most int) ([]byte, error) {
	b, ok := v.(banana.Bytes)
	switch {
	case !ok:
		return nil, rejected(v, "ByteStringConstraint")
	case len(b) > most:
		return nil, banana.Violationf("STRING token too large: %d>%d", len(b), most)
	case len(b) < least:
		return nil, banana.Violationf("string too short (%d < %d)", len(b), least)
	}
	return b, nil
}

// AsText returns a str of at most so many bytes in UTF-8.
func AsText(v banana.Value, most int) (string, error) {
	s, ok := v.(banana.Text)
	switch {
	case !ok:
		return "", unacceptable(v, "unicode")
	case len(s) > most:
		return "", banana.Violationf("string too long (%d > %d)", len(s), most)
	}
	return string(s), nil
}

// AsInt returns an integer that is at least least and at most most.
func AsInt(v banana.Value, least, most int64) (int64, error) {
	n, ok := v.(banana.Int)
	if _, big := v.(banana.BigInt); big || ok && (int64(n) < least || int64(n) > most) {
		return 0, banana.Violationf("number too large")
	}
	if !ok {
		return 0, rejected(v, "IntegerConstraint")
	}
	return int64(n), nil
}

// AsOffset returns a position or size: an integer from 0 to 2**63-1. Python's
// servers have no upper bound but that of 8 bytes; no file reaches it.
func AsOffset(v banana.Value) (int64, error) { return AsInt(v, 0, math.MaxInt64) }

// AsUint64 returns an integer from 0 to 2**64-1.
func AsUint64(v banana.Value) (uint64, error) {
	if n, ok := v.(banana.BigInt); ok && n.IsUint64() {
		return n.Uint64(), nil
	}
	n, err := AsOffset(v)
	return uint64(n), err
}

// AsBigInt returns an integer of any size.
func AsBigInt(v banana.Value) (*big.Int, error) {
	switch n := v.(type) {
	case banana.Int:
		return big.NewInt(int64(n)), nil
	case banana.BigInt:
		return n.Int, nil
	}
	return nil, rejected(v, "IntegerConstraint")
}

// AsBool returns a boolean.
func AsBool(v banana.Value) (bool, error) {
	b, ok := v.(banana.Bool)
	if !ok {
		return false, unacceptable(v, "boolean")
	}
	return bool(b), nil
}

// AsList returns the items of a list of at most so many.
func AsList(v banana.Value, most int) ([]banana.Value, error) {
	l, ok := v.(*banana.List)
	switch {
	case !ok:
		return nil, unacceptable(v, "list")
	case len(l.Items) > most:
		return nil, banana.Violationf("the list is full")
	}
	return l.Items, nil
}

// AsTuple returns the items of a tuple of exactly so many.
func AsTuple(v banana.Value, size int) ([]banana.Value, error) {
	t, ok := v.(*banana.Tuple)
	switch {
	case !ok:
		return nil, unacceptable(v, "tuple")
	case len(t.Items) > size:
		return nil, banana.Violationf("the tuple is full")
	case len(t.Items) < size:
		return nil, banana.Violationf("wrong size tuple")
	}
	return t.Items, nil
}

// AsSet returns the items of a set, mutable or not, of at most so many.
func AsSet(v banana.Value, most int) ([]banana.Value, error) {
	s, ok := v.(*banana.Set)
	switch {
	case !ok:
		return nil, unacceptable(v, "set")
	case len(s.Items) > most:
		return nil, banana.Violationf("the set is full")
	}
	return s.Items, nil
}

// AsDict returns the pairs of a dictionary of at most so many.
func AsDict(v banana.Value, most int) (*banana.Dict, error) {
	d, ok := v.(*banana.Dict)
	switch {
	case !ok:
		return nil, unacceptable(v, "dict")
	case len(d.Pairs) > most:
		return nil, banana.Violationf("the dict is full")
	}
	return d, nil
}

// AsReference returns a reference to an object of the peer. If name is not "",
// the object must have that remote interface, as the peer says.
func AsReference(v banana.Value, name string) (*Reference, error) {
	r, ok := v.(*Reference)
	switch {
	case !ok:
		return nil, unacceptable(v, "my-reference")
	case name != "" && r.RemoteInterface() != name:
		return nil, banana.Violationf("'%s' does not provide RemoteInterface %s", r, name)
	}
	return r, nil
}

// IsNone says whether the value is None.
func IsNone(v banana.Value) bool { _, ok := v.(banana.None); return ok }

// unacceptable is the violation of a value where a sequence of some type is
// wanted.
func unacceptable(v banana.Value, want string) error {
	switch v.Kind() {
	case "STRING", "INT", "LONGINT", "FLOAT":
		return banana.Violationf("%s token rejected by %s", v.Kind(), constraintOf[want])
	}
	return banana.Violationf("unacceptable OPEN type: ('%s',) not in my list [('%s',)]", v.Kind(), want)
}

// constraintOf names Foolscap's constraint for a type.
var constraintOf = map[string]string{
	"unicode": "UnicodeConstraint", "boolean": "BooleanConstraint", "list": "ListConstraint",
	"tuple": "TupleConstraint", "set": "SetConstraint", "dict": "DictConstraint",
	"my-reference": "RemoteInterfaceConstraint",
}

var _ fmt.Stringer = (*Reference)(nil)
