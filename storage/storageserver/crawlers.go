package storageserver

import (
	"time"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// What 1.20 tells about its crawlers, which walk through all shares again and
// again (crawler.py, expirer.py get_state, get_progress). There are none here:
// the index knows. The keys are there for programs that read the status page,
// and say what the index and the garbage collection say; what only a crawler
// knows is null or empty.

// crawlerState is the part that crawlers share.
type crawlerState struct {
	Version            int     `json:"version"`
	LastCycleFinished  *int    `json:"last-cycle-finished"`
	CurrentCycle       *int    `json:"current-cycle"`
	CycleStart         float64 `json:"current-cycle-start-time"` // seconds since 1970
	LastCompletePrefix *string `json:"last-complete-prefix"`
	LastCompleteBucket *string `json:"last-complete-bucket"`
}

// bucketCounter is the state of the crawler that counts buckets.
type bucketCounter struct {
	crawlerState
	BucketCounts map[string]any `json:"bucket-counts"`
	LastCount    *int64         `json:"last-complete-bucket-count"`
	Samples      map[string]any `json:"storage-index-samples"`
}

// leaseChecker is the state of the crawler that looks for expired leases.
type leaseChecker struct {
	crawlerState
	History map[string]leaseCycle `json:"history"`
}

// leaseCycle is what one cycle has found.
type leaseCycle struct {
	StartFinish        [2]float64       `json:"cycle-start-finish-times"`
	Enabled            bool             `json:"expiration-enabled"`
	Mode               [4]any           `json:"configured-expiration-mode"`
	LeaseAges          []any            `json:"lease-age-histogram"`
	LeasesPerShare     map[string]int64 `json:"leases-per-share-histogram"`
	Corrupt            []any            `json:"corrupt-shares"`
	Recovered          map[string]any   `json:"space-recovered"`
	Skipped            string           `json:"skipped,omitempty"`               // not in 1.20: why nothing was done
	KeptForUnknownAges int64            `json:"kept-for-unknown-ages,omitempty"` // not in 1.20
}

// crawlerProgress is what 1.20 tells between cycles.
type crawlerProgress struct {
	InProgress   bool     `json:"cycle-in-progress"`
	NextCrawl    *float64 `json:"next-crawl-time"`
	Wait         *float64 `json:"remaining-wait-time"`
	TimePerCycle *float64 `json:"estimated-time-per-cycle"`
}

func bucketCounterOf(t sharestore.Totals) bucketCounter {
	c := bucketCounter{crawlerState: crawlerState{Version: 1}, BucketCounts: map[string]any{}, Samples: map[string]any{}}
	if t.Complete {
		c.LastCycleFinished, c.LastCount = new(0), &t.Buckets
	} else {
		c.CurrentCycle = new(0)
	}
	return c
}

func leaseCheckerOf(set nodeconf.ExpireSettings, last *sharestore.CollectReport) leaseChecker {
	c := leaseChecker{crawlerState: crawlerState{Version: 1}, History: map[string]leaseCycle{}}
	if last == nil {
		return c
	}
	c.CycleStart, c.LastCycleFinished = seconds(last.Started), new(0)
	c.History["0"] = leaseCycle{
		StartFinish: [2]float64{seconds(last.Started), seconds(last.Finished)},
		Enabled:     set.Enabled, Mode: expirationMode(set), Recovered: recovered(last),
		LeaseAges: []any{}, LeasesPerShare: map[string]int64{}, Corrupt: []any{},
		Skipped: last.Skipped, KeptForUnknownAges: last.Kept,
	}
	return c
}

func progressOf(last *sharestore.CollectReport) crawlerProgress {
	var p crawlerProgress
	if last != nil {
		p.TimePerCycle = new(last.Finished.Sub(last.Started).Seconds())
	}
	return p
}

// expirationMode is mode, override_lease_duration and cutoff_date in seconds,
// and the kinds of shares.
func expirationMode(set nodeconf.ExpireSettings) [4]any {
	mode := [4]any{string(set.Mode), nil, nil, kindsToExpire(set)}
	if set.OverrideLeaseSeconds != nil {
		mode[1] = *set.OverrideLeaseSeconds
	}
	if !set.CutoffDate.IsZero() {
		mode[2] = set.CutoffDate.Unix()
	}
	return mode
}

func kindsToExpire(set nodeconf.ExpireSettings) []string {
	kinds := []string{}
	if set.Immutable {
		kinds = append(kinds, "immutable")
	}
	if set.Mutable {
		kinds = append(kinds, "mutable")
	}
	return kinds
}

// recovered has all keys of 1.20, null for what the collection does not count:
// it looks only at shares with an expired lease.
func recovered(r *sharestore.CollectReport) map[string]any {
	told := map[string]any{}
	for _, what := range []string{"actual", "original", "configured", "examined"} {
		for _, of := range []string{"buckets", "shares", "sharebytes", "diskbytes"} {
			for _, kind := range []string{"", "-mutable", "-immutable"} {
				told[what+"-"+of+kind] = nil
			}
		}
	}
	told["examined-shares"] = r.Examined
	told["actual-shares"], told["actual-sharebytes"] = r.Removed, r.RemovedBytes
	return told
}

// seconds since 1970, as Python's time.time(); 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
