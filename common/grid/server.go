package grid

import (
	"fmt"

	"github.com/besn0847/arm-tahoe/common/base32"
)

// ServerID identifies a storage server in announcements and in the client's
// server list: "v0-" and the base 32 of its Ed25519 public key. The private
// servers.yaml may use any other text. It is no secret.
type ServerID string

// Name returns the short form that Tahoe-LAFS shows: the first eight
// characters after "v0-", or of the whole if it does not begin so
// (storage_client.py _parse_announcement).
func (id ServerID) Name() string {
	short := string(id)
	if len(short) > 3 && short[:3] == "v0-" {
		short = short[3:]
	}
	return short[:min(8, len(short))]
}

// TubIDSize is the number of bytes in a TubID.
const TubIDSize = 20

// TubID identifies a Foolscap tub: the SHA-1 of its certificate. For a storage
// server it is also the seed of write enablers and lease secrets, and what
// mutable containers call the node id; it then comes from the FURL in the
// server's announcement, also where HTTP is spoken. It is no secret.
type TubID [TubIDSize]byte

// ParseTubID reads the 32 characters that String writes. The error does not
// carry the text.
func ParseTubID(text string) (id TubID, err error) {
	if err := base32.DecodeTo(id[:], text); err != nil {
		return TubID{}, fmt.Errorf("tub id: %w", err)
	}
	return id, nil
}

// String returns the tub id as in a FURL: 32 characters of base 32.
func (id TubID) String() string {
	return base32.Encode(id[:])
}

// PermutationSeed decides where a server stands in the permuted order of a
// storage index. It holds raw bytes, as a string to be comparable: 20 bytes of
// a tub id for old servers, 52 bytes of ASCII for those that 1.20 set up
// (its public key as text), any number for others. It is no secret.
type PermutationSeed string

// ParsePermutationSeed reads the base 32 of permutation-seed-base32 in an
// announcement.
func ParsePermutationSeed(text string) (PermutationSeed, error) {
	raw, err := base32.Decode(text)
	if err != nil {
		return "", fmt.Errorf("permutation seed: %w", err)
	}
	return PermutationSeed(raw), nil
}

// String returns the seed in base 32, as in announcements.
func (seed PermutationSeed) String() string {
	return base32.Encode([]byte(seed))
}
