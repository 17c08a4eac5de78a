package placement

import (
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Stats counts the questions of an upload, in Tahoe's categories
// (immutable/upload.py _QueryStatistics).
type Stats struct {
	Queries int // requests to allocate shares
	Good    int // answered with at least one share, new or already there
	Full    int // answered with none
	Errors  int // not answered
}

// ServerFailure is why one server did not answer.
type ServerFailure struct {
	Server int // index of the server
	Err    error
}

// UnhappinessError says that the shares of a file could not be spread over
// enough servers. It has the numbers of Tahoe's UploadUnhappinessError and
// prints its words.
type UnhappinessError struct {
	grid.Params

	// Effective is the happiness that was reached.
	Effective int
	// NumServers is how many servers hold or accepted any share.
	NumServers int
	// Homeless are the shares that nobody holds or accepted.
	Homeless []grid.ShareNum
	Stats    Stats
	// Failures are the servers that answered with an error, in the order of
	// the answers. The error text does not show them all: the caller knows
	// the names of the servers.
	Failures []ServerFailure
}

// Error is one line: the reason, the progress, and the last failure if any.
func (e *UnhappinessError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server selection failed: %s (%s)", e.Reason(), e.Progress())
	if n := len(e.Failures); n > 0 {
		fmt.Fprintf(&b, " (last of %d failures: %v)", n, e.Failures[n-1].Err)
	}
	return b.String()
}

// Reason is the sentence of util/happinessutil.py failure_message.
func (e *UnhappinessError) Reason() string {
	switch {
	case e.NumServers < e.K:
		return fmt.Sprintf("shares could be placed or found on only %d server(s)."+
			" We were asked to place shares on at least %d server(s) such that any %d"+
			" of them have enough shares to recover the file.",
			e.NumServers, e.Happy, e.K)
	case e.Effective < e.K:
		return fmt.Sprintf("shares could be placed or found on %d server(s), but they are"+
			" not spread out evenly enough to ensure that any %d of these servers would"+
			" have enough shares to recover the file. We were asked to place shares on"+
			" at least %d servers such that any %d of them have enough shares to recover the file.",
			e.NumServers, e.K, e.Happy, e.K)
	default:
		return fmt.Sprintf("shares could be placed on only %d server(s) such that any %d of"+
			" them have enough shares to recover the file, but we were asked to place"+
			" shares on at least %d such servers.",
			e.Effective, e.K, e.Happy)
	}
}

// Progress is the text of immutable/upload.py _get_progress_message.
func (e *UnhappinessError) Progress() string {
	placed := fmt.Sprintf("placed all %d shares", e.N)
	if n := len(e.Homeless); n > 0 {
		placed = fmt.Sprintf("placed %d shares out of %d total (%d homeless)", e.N-n, e.N, n)
	}
	return fmt.Sprintf("%s, want to place shares on at least %d servers such that any %d of them"+
		" have enough shares to recover the file, sent %d queries to %d servers,"+
		" %d queries placed some shares, %d placed none (of which %d placed none due to the"+
		" server being full and %d placed none due to an error)",
		placed, e.Happy, e.K, e.Stats.Queries, e.Stats.Queries,
		e.Stats.Good, e.Stats.Full+e.Stats.Errors, e.Stats.Full, e.Stats.Errors)
}
