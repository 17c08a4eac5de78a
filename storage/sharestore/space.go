package sharestore

import (
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Available is how many bytes the store takes, at most, without what is
// promised to uploads in progress: 0 if it is read-only, else what is free on
// the disk beyond reserved_space, and below size_limit. While the index is
// being made nobody knows how much is used, so that with a size_limit there is
// nothing available then. 1.20.0: server.py get_available_space.
func (s *Store) Available() (int64, error) {
	if s.cfg.ReadOnly {
		return 0, nil
	}
	space, err := s.cfg.FS.Space()
	if err != nil {
		return 0, fmt.Errorf("ask for the space on the disk: %w", err)
	}
	available := max(space.FreeForNonRoot-s.cfg.ReservedSpace, 0)
	return min(available, s.belowLimit()), nil
}

// belowLimit is how many bytes the share files may grow.
func (s *Store) belowLimit() int64 {
	if s.cfg.SizeLimit == 0 {
		return 1<<63 - 1
	}
	totals, _ := s.index.sums()
	if !totals.Complete {
		return 0
	}
	return max(s.cfg.SizeLimit-totals.Bytes(), 0)
}

// checkMutable refuses a change of mutable shares that does not fit: the files
// grow by growth bytes, and written bytes are needed on the disk meanwhile.
// 1.20 takes changes of mutable shares also if it is read-only, and does not
// look at reserved_space for them; so a user can always edit a directory on a
// full disk, or delete from it.
func (s *Store) checkMutable(growth, written int64) error {
	space, err := s.cfg.FS.Space()
	if err != nil {
		return fmt.Errorf("ask for the space on the disk: %w", err)
	}
	if written > space.FreeForNonRoot || growth > 0 && growth > s.belowLimit() {
		return grid.ErrNoSpace
	}
	return nil
}
