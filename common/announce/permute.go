package announce

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// keyPattern is what storage_client.py _parse_announcement takes for a key.
var keyPattern = regexp.MustCompile(`^v0-[0-9a-zA-Z]{52}$`)

// PermutationSeed returns the seed of the announced server: that of the field
// permutation-seed-base32; without it the 32 bytes of the key; and if the
// server id is no key (servers.yaml) its SHA-256. The error is a *FormatError.
//
// Source: storage_client.py _parse_announcement.
func (a *Announcement) PermutationSeed() (grid.PermutationSeed, error) {
	var text string
	if value := a.object.get(fieldPermutationSeed); value != nil {
		if err := json.Unmarshal(value, &text); err != nil {
			return "", formatError(fieldPermutationSeed, "not a string")
		}
		return decodeSeed(fieldPermutationSeed, text)
	}
	if id := string(a.serverID); keyPattern.MatchString(id) {
		return decodeSeed("server id", id[len(versionPrefix):])
	}
	hash := sha256.Sum256([]byte(a.serverID))
	return grid.PermutationSeed(hash[:]), nil
}

func decodeSeed(field, text string) (grid.PermutationSeed, error) {
	seed, err := grid.ParsePermutationSeed(text)
	if err != nil {
		return "", &FormatError{Field: field, Reason: "no seed", Err: err}
	}
	return seed, nil
}

// NewSeed is the permutation seed that a fresh storage server takes: the 52
// characters of its public key, not the 32 bytes they stand for, because
// client.py _init_permutation_seed encodes the key twice and clients decode
// once.
func NewSeed(key VerifyingKey) grid.PermutationSeed {
	return grid.PermutationSeed(base32.Encode(key[:]))
}

// OldSeed is the permutation seed of a storage server that has shares but no
// file permutation-seed: its tub id, by which clients found it before there
// were seeds.
func OldSeed(id grid.TubID) grid.PermutationSeed { return grid.PermutationSeed(id[:]) }

// Permute returns the order in which servers are asked for the shares of si,
// as indexes into seeds: ascending by SHA-1(si || seed). Servers that preferred
// names (nil: none) come first, in permuted order among themselves. Equal
// seeds keep their order.
//
// Source: util/hashutil.py permute_server_hash and storage_client.py
// get_servers_for_psi. There [client]peers.preferred compares str with bytes
// and so has no effect; that is an error of 1.20 and not part of the format.
func Permute(si grid.StorageIndex, seeds []grid.PermutationSeed, preferred func(i int) bool) []int {
	places := make([]place, len(seeds))
	var buf []byte
	for i, seed := range seeds {
		buf = append(append(buf[:0], si[:]...), seed...)
		places[i] = place{hash: sha1.Sum(buf), index: i, later: preferred != nil && !preferred(i)}
	}
	slices.SortFunc(places, place.compare)
	order := make([]int, len(seeds))
	for i := range places {
		order[i] = places[i].index
	}
	return order
}

// place is where one server stands.
type place struct {
	hash  [sha1.Size]byte
	index int
	later bool // not preferred
}

func (p place) compare(q place) int {
	if p.later != q.later {
		if q.later {
			return -1
		}
		return 1
	}
	if c := bytes.Compare(p.hash[:], q.hash[:]); c != 0 {
		return c
	}
	return p.index - q.index
}
