package download

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// ErrClosed says that the file was closed.
var ErrClosed = errors.New("file is closed")

// errTooSlow is the reason where a server did not answer in time.
var errTooSlow = errors.New("no answer in time")

// NotEnoughSharesError says that fewer than k different shares could be read
// (1.20.0: interfaces.py NotEnoughSharesError; NoSharesError if Found is empty).
type NotEnoughSharesError struct {
	// Needed is k.
	Needed int
	// Complete are the shares that could be read, of the segment that was
	// wanted.
	Complete []grid.ShareNum
	// Found are all shares that servers said they hold.
	Found []grid.ShareNum
	// Asked is how many servers were asked, Failed how many of them gave no
	// answer.
	Asked, Failed int
	// Problems are the errors of servers and shares, the last one last.
	Problems []error
}

// NoShares says that nobody has any share: 1.20's NoSharesError.
func (e *NotEnoughSharesError) NoShares() bool { return len(e.Found) == 0 }

// Error has 1.20's words (downloader/fetcher.py _no_shares_error) and what was
// seen.
func (e *NotEnoughSharesError) Error() string {
	last := "None"
	if n := len(e.Problems); n > 0 {
		last = e.Problems[n-1].Error()
	}
	seen := fmt.Sprintf("asked %d servers, %d gave no answer", e.Asked, e.Failed)
	if e.NoShares() {
		return fmt.Sprintf("no shares (need %d). Last failure: %s (%s)", e.Needed, last, seen)
	}
	return fmt.Sprintf("ran out of shares: complete=%s pending= overdue= unused= need %d. Last failure: %s (%s, shares found: %s)",
		names(e.Complete), e.Needed, last, seen, names(e.Found))
}

// Unwrap returns the problems.
func (e *NotEnoughSharesError) Unwrap() []error { return e.Problems }

// names lists shares as 1.20 does.
func names(shares []grid.ShareNum) string {
	slices.Sort(shares)
	list := make([]string, 0, len(shares))
	for _, n := range slices.Compact(shares) {
		list = append(list, fmt.Sprintf("sh%d", n))
	}
	return strings.Join(list, ",")
}
