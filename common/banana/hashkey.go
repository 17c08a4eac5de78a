package banana

import (
	"math"
	"math/big"
	"strconv"
)

// appendHashKey appends a text that is equal for values which Python holds to be
// the same key, and says whether the value can be a key at all. Numbers compare
// by value there: 1, 1.0 and True are one key.
func appendHashKey(dst []byte, v Value) ([]byte, bool) {
	switch v := v.(type) {
	case Int:
		return strconv.AppendInt(append(dst, 'i'), int64(v), 10), true
	case Bool:
		if v {
			return append(dst, "i1"...), true
		}
		return append(dst, "i0"...), true
	case BigInt:
		return v.Append(append(dst, 'i'), 10), true
	case Float:
		return appendFloatKey(dst, float64(v)), true
	case Bytes:
		return appendStringKey(append(dst, 'b'), string(v)), true
	case Text:
		return appendStringKey(append(dst, 'u'), string(v)), true
	case Decimal:
		return appendStringKey(append(dst, 'd'), string(v)), true
	case None:
		return append(dst, 'n'), true
	case *Tuple:
		return appendItemKeys(append(dst, 't'), v.Items)
	case *Set:
		return appendItemKeys(append(dst, 's'), v.Items)
	case *List, *Dict:
		return dst, false
	}
	// A reference: which object it is only its own package knows, so two of
	// them are never held to be the same.
	return append(dst, 'r'), true
}

func appendFloatKey(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		n, _ := big.NewFloat(f).Int(nil)
		return n.Append(append(dst, 'i'), 10)
	}
	return strconv.AppendUint(append(dst, 'f'), math.Float64bits(f), 16)
}

func appendStringKey(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	return append(append(dst, ':'), s...)
}

func appendItemKeys(dst []byte, items []Value) ([]byte, bool) {
	dst = append(strconv.AppendInt(dst, int64(len(items)), 10), '(')
	for _, item := range items {
		var ok bool
		if dst, ok = appendHashKey(dst, item); !ok {
			return dst, false
		}
	}
	return append(dst, ')'), true
}

// keySet finds keys that occur twice.
type keySet struct {
	seen    map[string]struct{}
	scratch []byte
}

// add returns whether the value was new, and whether it can be a key at all.
func (k *keySet) add(v Value) (isNew, hashable bool) {
	k.scratch, hashable = appendHashKey(k.scratch[:0], v)
	if !hashable {
		return false, false
	}
	if len(k.scratch) == 1 && k.scratch[0] == 'r' {
		return true, true
	}
	if _, ok := k.seen[string(k.scratch)]; ok {
		return false, true
	}
	if k.seen == nil {
		k.seen = make(map[string]struct{})
	}
	k.seen[string(k.scratch)] = struct{}{}
	return true, true
}
