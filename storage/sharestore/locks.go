package sharestore

import (
	"encoding/binary"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// numLocks bounds the table of locks. Two storage indexes that share one wait
// for each other, which is rare and does no harm.
const numLocks = 1024

// lockTable has one lock for each storage index: held for writing by whoever
// changes its directory, until the change is durable, so that nobody is told
// of a share that a power cut could still take away. Nobody holds two.
type lockTable [numLocks]sync.RWMutex

// of returns the lock of a storage index. Those are hashes already, unless a
// client has chosen them; then it makes itself wait.
func (t *lockTable) of(si grid.StorageIndex) *sync.RWMutex {
	return &t[(binary.BigEndian.Uint64(si[:])^binary.BigEndian.Uint64(si[8:]))%numLocks]
}
