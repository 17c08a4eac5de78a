package helperserver

import (
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// resultsOf tells of an upload as 1.20 does (offloaded.py CHKUploadHelper
// _finished): shares that were there before are only counted.
func (in *intake) resultsOf(result *upload.Result) *helperrpc.Results {
	r := &helperrpc.Results{
		Timings:   in.timings(result.Timings),
		ShareMap:  make(map[grid.ShareNum][]grid.ServerID),
		ServerMap: make(map[grid.ServerID][]grid.ShareNum),
		FileSize:  result.Size, CiphertextFetched: in.fetched.Load(),
		Preexisting: result.Preexisting, Pushed: result.Pushed,
		UEB: result.UEB, UEBHash: result.UEBHash,
	}
	for _, server := range result.Servers {
		for _, n := range server.Pushed {
			r.ShareMap[n] = append(r.ShareMap[n], server.ID)
			r.ServerMap[server.ID] = append(r.ServerMap[server.ID], n)
		}
	}
	return r
}

// timings are those of 1.20 that exist here. Encoding and sending happen at the
// same time and are not told apart.
func (in *intake) timings(t upload.Timings) map[string]float64 {
	seconds := make(map[string]float64)
	for name, d := range map[string]time.Duration{
		"cumulative_fetch": in.fetchTime, "total_fetch": in.totalFetch,
		"peer_selection": t.Selection, "total_encode_and_push": t.Push,
		"total": time.Since(in.started),
	} {
		seconds[name] = d.Seconds()
	}
	return seconds
}
