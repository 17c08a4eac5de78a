package sharestore

import (
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// Status is what status pages and statistics show. Nothing of it needs a walk
// through the shares.
type Status struct {
	Totals        Totals
	IndexPercent  int // how much of the index has been made; 100 once it is complete
	Disk          sharefs.Space
	Available     int64 // bytes; see Store.Available
	Uploads       int   // in progress
	Promised      int64 // bytes, to uploads in progress: storage_server.allocated
	ReadOnly      bool
	ReservedSpace int64
	SizeLimit     int64
	LastCollect   *CollectReport // nil if there was none
	LastScrub     *ScrubReport   // of the cycle in progress, if there is one
}

// Status asks for the space on the disk, and for nothing else of it.
func (s *Store) Status() (Status, error) {
	available, err := s.Available()
	if err != nil {
		return Status{}, err
	}
	disk, err := s.cfg.FS.Space()
	if err != nil {
		return Status{}, err
	}
	uploads, promised := s.uploads.sum()
	return Status{
		Totals: s.Totals(), IndexPercent: s.indexPercent(), Disk: disk, Available: available,
		Uploads: uploads, Promised: promised,
		ReadOnly: s.cfg.ReadOnly, ReservedSpace: s.cfg.ReservedSpace, SizeLimit: s.cfg.SizeLimit,
		LastCollect: s.collected.Load(), LastScrub: s.scrubbed.Load(),
	}, nil
}

// indexPercent is how much of the shares the index has seen.
func (s *Store) indexPercent() int {
	if s.Totals().Complete {
		return 100
	}
	return int(s.indexed.Load())
}

func contains(sorted []grid.ShareNum, n grid.ShareNum) bool {
	_, found := slices.BinarySearch(sorted, n)
	return found
}
