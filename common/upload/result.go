package upload

import (
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Result is what an upload ended with (1.20.0: upload.py UploadResults).
type Result struct {
	// UEB is the URI extension block, UEBHash its hash for the cap. Both are nil
	// and zero for a literal, which was not uploaded at all.
	UEB     []byte
	UEBHash taggedhash.Hash
	// Size is that of the file, ShareSize that of each share, in bytes.
	Size, ShareSize int64
	// Happiness is what was reached.
	Happiness int
	// Preexisting counts the shares (by number) that servers held before, Pushed
	// those that were sent.
	Preexisting, Pushed int
	// Servers are those that were asked, in permuted order.
	Servers []ServerResult
	// Lost are servers that failed and were done without or replaced.
	Lost []Failure
	// Timings say how long it took.
	Timings Timings
}

// ServerResult is what became of one server.
type ServerResult struct {
	ID       grid.ServerID
	Nickname string
	// Existing are the shares that it held before, Pushed those sent to it.
	Existing, Pushed []grid.ShareNum
	// Sent counts bytes of share data.
	Sent int64
}

// Timings are the times of the attempt that succeeded, and Total of all.
type Timings struct {
	Selection, Push, Total time.Duration
}

// ShareMap returns for each share the servers that hold it.
func (r *Result) ShareMap() map[grid.ShareNum][]grid.ServerID {
	m := make(map[grid.ShareNum][]grid.ServerID)
	for _, s := range r.Servers {
		for _, n := range slices.Concat(s.Existing, s.Pushed) {
			m[n] = append(m[n], s.ID)
		}
	}
	return m
}

// result describes the attempt, which has succeeded.
func (a *attempt) result(encoded *chkencode.Result, shareSize int64) *Result {
	r := &Result{
		UEB: encoded.UEB, UEBHash: encoded.UEBHash,
		Size: a.req.Segments.Size, ShareSize: shareSize,
		Happiness: placement.Happiness(a.holders),
		Pushed:    len(encoded.Placed),
		Lost:      append(slices.Clone(a.selection.failures), a.lost...),
	}
	existing := make(map[grid.ShareNum]bool)
	for _, c := range a.selection.candidates {
		s := ServerResult{ID: c.server.ID, Nickname: c.server.Nickname, Existing: slices.Clone(c.already)}
		for _, n := range c.granted() {
			if sink := a.sinks[n]; sink != nil && sink.server == c.server {
				s.Pushed = append(s.Pushed, n)
				s.Sent += sink.sent()
			}
		}
		for _, n := range c.already {
			existing[n] = true
		}
		r.Servers = append(r.Servers, s)
	}
	r.Preexisting = len(existing)
	return r
}
