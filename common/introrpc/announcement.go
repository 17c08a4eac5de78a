package introrpc

import (
	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// signedParts are message, signature and key.
const signedParts = 3

// encodeSigned makes the tuple that travels. It shares the slices.
func encodeSigned(a announce.Signed) banana.Value {
	return banana.NewTuple(banana.Bytes(a.Message), banana.Bytes(a.Signature), banana.Bytes(a.Key))
}

// decodeSigned takes the tuple apart. The result shares memory with v. A signature
// or key that is None is empty: such an announcement is not signed.
func decodeSigned(v banana.Value) (announce.Signed, error) {
	items, err := foolscap.AsTuple(v, signedParts)
	if err != nil {
		return announce.Signed{}, err
	}
	var a announce.Signed
	if a.Message, err = foolscap.AsBytes(items[0], 0, announce.MaxMessageSize); err != nil {
		return announce.Signed{}, err
	}
	if a.Signature, err = optionalBytes(items[1]); err != nil {
		return announce.Signed{}, err
	}
	if a.Key, err = optionalBytes(items[2]); err != nil {
		return announce.Signed{}, err
	}
	return a, nil
}

func optionalBytes(v banana.Value) ([]byte, error) {
	if foolscap.IsNone(v) {
		return nil, nil
	}
	return foolscap.AsBytes(v, 0, maxKeyText)
}

// encodeSet makes the argument of announce_v2. Equal announcements become one, as
// a set has none twice.
func encodeSet(announcements []announce.Signed) banana.Value {
	type key struct{ message, signature, key string }
	seen := make(map[key]bool, len(announcements))
	items := make([]banana.Value, 0, len(announcements))
	for _, a := range announcements {
		k := key{string(a.Message), string(a.Signature), string(a.Key)}
		if !seen[k] {
			seen[k] = true
			items = append(items, encodeSigned(a))
		}
	}
	return banana.NewSet(items...)
}

// decodeSet returns those elements of a set that look like announcements, and how
// many others there were.
func decodeSet(items []banana.Value) (announcements []announce.Signed, malformed int) {
	announcements = make([]announce.Signed, 0, len(items))
	for _, item := range items {
		a, err := decodeSigned(item)
		if err != nil {
			malformed++
			continue
		}
		announcements = append(announcements, a)
	}
	return announcements, malformed
}
