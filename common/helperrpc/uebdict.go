package helperrpc

import (
	"maps"
	"slices"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

// numbers are the fields of the UEB that are ints in its dictionary (uri.py
// unpack_extension).
var numbers = []string{"needed_shares", "num_segments", "segment_size", "size", "total_shares"}

// encodeUEB makes the dictionary of a UEB (uri.py unpack_extension).
func encodeUEB(block []byte) (banana.Value, error) {
	u, err := ueb.Parse(block)
	if err != nil {
		return nil, err
	}
	dict := banana.NewDict()
	for key, value := range u.All() {
		var v banana.Value = banana.Bytes(value)
		if slices.Contains(numbers, key) {
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return nil, err
			}
			v = banana.Int(n)
		}
		dict.Pairs = append(dict.Pairs, banana.Pair{Key: banana.Text(key), Value: v})
	}
	return dict, nil
}

// decodeUEB makes a UEB of its dictionary.
func decodeUEB(v banana.Value) ([]byte, error) {
	dict, err := foolscap.AsDict(v, maxAttributes)
	if err != nil {
		return nil, err
	}
	fields := make(map[string][]byte, len(dict.Pairs))
	for _, p := range dict.Pairs {
		key, err := text(p.Key, ueb.MaxSize)
		if err != nil {
			return nil, err
		}
		if fields[key], err = fieldValue(p.Value); err != nil {
			return nil, err
		}
	}
	var block []byte
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		block = netstring.Append(append(append(block, key...), ':'), fields[key])
	}
	if _, err := ueb.Parse(block); err != nil {
		return nil, err
	}
	return block, nil
}

func fieldValue(v banana.Value) ([]byte, error) {
	if _, ok := v.(banana.Bytes); ok {
		return foolscap.AsBytes(v, 0, ueb.MaxSize)
	}
	n, err := foolscap.AsOffset(v)
	return strconv.AppendInt(nil, n, 10), err
}

// text reads a str, or the bytes that older helpers send instead.
func text(v banana.Value, most int) (string, error) {
	if _, ok := v.(banana.Bytes); ok {
		b, err := foolscap.AsBytes(v, 0, most)
		return string(b), err
	}
	return foolscap.AsText(v, most)
}
