package helperrpc

import (
	"cmp"
	"maps"
	"slices"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

func encodeTimings(timings map[string]float64) banana.Value {
	dict := &banana.Dict{Pairs: make([]banana.Pair, 0, len(timings))}
	for _, name := range slices.Sorted(maps.Keys(timings)) {
		dict.Pairs = append(dict.Pairs, banana.Pair{Key: banana.Text(name), Value: banana.Float(timings[name])})
	}
	return dict
}

func encodeShareMap(shares map[grid.ShareNum][]grid.ServerID) banana.Value {
	dict := &banana.Dict{Pairs: make([]banana.Pair, 0, len(shares))}
	for _, n := range slices.Sorted(maps.Keys(shares)) {
		set := banana.NewSet()
		for _, id := range sortedSet(shares[n]) {
			set.Items = append(set.Items, banana.Bytes(id))
		}
		dict.Pairs = append(dict.Pairs, banana.Pair{Key: banana.Int(n), Value: set})
	}
	return dict
}

func encodeServerMap(servers map[grid.ServerID][]grid.ShareNum) banana.Value {
	dict := &banana.Dict{Pairs: make([]banana.Pair, 0, len(servers))}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		set := banana.NewSet()
		for _, n := range sortedSet(servers[id]) {
			set.Items = append(set.Items, banana.Int(n))
		}
		dict.Pairs = append(dict.Pairs, banana.Pair{Key: banana.Bytes(id), Value: set})
	}
	return dict
}

func sortedSet[T cmp.Ordered](items []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(items)))
}

func decodeTimings(v banana.Value) (map[string]float64, error) {
	dict, err := foolscap.AsDict(v, maxTimings)
	if err != nil {
		return nil, err
	}
	timings := make(map[string]float64, len(dict.Pairs))
	for _, p := range dict.Pairs {
		name, err := text(p.Key, maxTimingName)
		if err != nil {
			return nil, err
		}
		switch n := p.Value.(type) {
		case banana.Float:
			timings[name] = float64(n)
		case banana.Int:
			timings[name] = float64(n)
		}
	}
	return timings, nil
}

func decodeShareMap(v banana.Value) (map[grid.ShareNum][]grid.ServerID, error) {
	dict, err := foolscap.AsDict(v, grid.MaxShares)
	if err != nil {
		return nil, err
	}
	shares := make(map[grid.ShareNum][]grid.ServerID, len(dict.Pairs))
	for _, p := range dict.Pairs {
		n, err := decodeShareNum(p.Key)
		if err != nil {
			return nil, err
		}
		items, err := foolscap.AsSet(p.Value, maxServers)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			id, err := decodeServerID(item)
			if err != nil {
				return nil, err
			}
			shares[n] = append(shares[n], id)
		}
	}
	return shares, nil
}

func decodeServerMap(v banana.Value) (map[grid.ServerID][]grid.ShareNum, error) {
	dict, err := foolscap.AsDict(v, maxServers)
	if err != nil {
		return nil, err
	}
	servers := make(map[grid.ServerID][]grid.ShareNum, len(dict.Pairs))
	for _, p := range dict.Pairs {
		id, err := decodeServerID(p.Key)
		if err != nil {
			return nil, err
		}
		items, err := foolscap.AsSet(p.Value, grid.MaxShares)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			n, err := decodeShareNum(item)
			if err != nil {
				return nil, err
			}
			servers[id] = append(servers[id], n)
		}
	}
	return servers, nil
}

func decodeShareNum(v banana.Value) (grid.ShareNum, error) {
	n, err := foolscap.AsInt(v, 0, grid.MaxShares-1)
	return grid.ShareNum(n), err
}

func decodeServerID(v banana.Value) (grid.ServerID, error) {
	b, err := foolscap.AsBytes(v, 0, maxServerID)
	return grid.ServerID(b), err
}
