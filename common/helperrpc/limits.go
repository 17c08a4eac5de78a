package helperrpc

import "github.com/besn0847/arm-tahoe/common/banana"

// MaxRead is how many bytes of ciphertext one call asks for at most.
const MaxRead = 1 << 20

// Limits on what peers send. Tahoe has none but for the storage index.
const (
	// maxCall bounds the memory of a call to a helper or a client: some numbers
	// and a reference with its FURL.
	maxCall = 8 << 10
	// maxSmallAnswer bounds answers of some values, a dict of versions included.
	maxSmallAnswer = 32 << 10
	// maxResults bounds an answer with results: all shares on some hundred
	// servers each.
	maxResults = 4 << 20
	// readOverhead is what a list of pieces takes beside their bytes: there are
	// at most maxPieces.
	readOverhead = maxPieces*64 + 4<<10
	// maxPieces is how many strings an answer to read_encrypted has. 1.20 gives
	// one for each 50 KiB.
	maxPieces = 256
	// maxDepth is more than any of the calls nests.
	maxDepth = 10

	maxVersionKeys = 100
	maxAttributes  = 100
	maxTimings     = 100
	maxTimingName  = 100    // bytes
	maxServers     = 10_000 // in a map
	maxServerID    = 256    // bytes
	maxVersion     = 256    // bytes of an application-version that are kept
)

func lower(limits *banana.Limits) {
	limits.Message = min(limits.Message, maxCall)
	limits.Depth = min(limits.Depth, maxDepth)
}
