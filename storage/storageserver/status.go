package storageserver

import (
	"time"

	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// status is what the status page shows, in JSON: first the members of 1.20's
// (web/storage.py render_JSON), then ours.
type status struct {
	Stats    map[string]any  `json:"stats"`
	Buckets  bucketCounter   `json:"bucket-counter"`
	Leases   leaseChecker    `json:"lease-checker"`
	Progress crawlerProgress `json:"lease-checker-progress"`
	Own      ownStatus       `json:"arm-tahoe"`
}

// ownStatus is what 1.20 does not know of. Sizes are in bytes.
type ownStatus struct {
	Shares    shareTotals   `json:"shares"`
	Index     indexStatus   `json:"index"`
	ReadOnly  bool          `json:"readonly"`
	SizeLimit *int64        `json:"size-limit"` // null: none
	Uploads   int           `json:"uploads"`
	Scrub     scrubStatus   `json:"scrub"`
	Collect   collectStatus `json:"garbage-collection"`
}

type shareTotals struct {
	Buckets        int64 `json:"buckets"`
	Immutable      int64 `json:"immutable"`
	Mutable        int64 `json:"mutable"`
	ImmutableBytes int64 `json:"immutable-bytes"`
	MutableBytes   int64 `json:"mutable-bytes"`
	Leases         int64 `json:"leases"`
}

type indexStatus struct {
	Complete bool `json:"complete"`
	Percent  int  `json:"percent"`
}

type scrubStatus struct {
	Rate int64        `json:"bytes-per-second"` // 0: off
	Last *scrubReport `json:"last"`             // of the scrub in progress, if there is one
}

type scrubReport struct {
	Started      time.Time  `json:"started"`
	Finished     *time.Time `json:"finished"` // null: in progress
	Shares       int64      `json:"shares"`
	Bytes        int64      `json:"bytes"`
	Corrupt      int64      `json:"corrupt"`
	Unverifiable int64      `json:"unverifiable"`
}

type collectStatus struct {
	Enabled bool           `json:"enabled"`
	Last    *collectReport `json:"last"`
}

type collectReport struct {
	Started      time.Time `json:"started"`
	Finished     time.Time `json:"finished"`
	Removed      int64     `json:"removed"`
	RemovedBytes int64     `json:"removed-bytes"`
	Kept         int64     `json:"kept"`
	Skipped      string    `json:"skipped,omitempty"`
}

// status asks the store. Without the space on the disk it has no more than that.
func (s *Service) status() status {
	now, err := s.store.Status()
	if err != nil {
		s.cfg.Log.Warn("the space on the disk is not known", "err", err)
		now.Totals = s.store.Totals()
	}
	set := s.cfg.Node.Storage.Expire
	return status{
		Stats:    s.stats(now, err == nil),
		Buckets:  bucketCounterOf(now.Totals),
		Leases:   leaseCheckerOf(set, now.LastCollect),
		Progress: progressOf(now.LastCollect),
		Own:      s.own(now),
	}
}

func (s *Service) own(now sharestore.Status) ownStatus {
	set, t := s.cfg.Node.Storage, now.Totals
	own := ownStatus{
		Shares: shareTotals{
			Buckets: t.Buckets, Immutable: t.ImmutableShares, Mutable: t.MutableShares,
			ImmutableBytes: t.ImmutableBytes, MutableBytes: t.MutableBytes, Leases: t.Leases,
		},
		Index:    indexStatus{t.Complete, now.IndexPercent},
		ReadOnly: set.ReadOnly, Uploads: now.Uploads,
		Scrub:   scrubStatus{set.ScrubRate, scrubReportOf(now.LastScrub)},
		Collect: collectStatus{Enabled: set.Expire.Enabled},
	}
	if set.SizeLimit >= 0 {
		own.SizeLimit = &set.SizeLimit
	}
	if r := now.LastCollect; r != nil {
		own.Collect.Last = &collectReport{r.Started, r.Finished, r.Removed, r.RemovedBytes, r.Kept, r.Skipped}
	}
	return own
}

func scrubReportOf(r *sharestore.ScrubReport) *scrubReport {
	if r == nil {
		return nil
	}
	told := &scrubReport{
		Started: r.Started, Shares: r.Shares, Bytes: r.Bytes, Corrupt: r.Corrupt, Unverifiable: r.Unverifiable,
	}
	if !r.Finished.IsZero() {
		told.Finished = &r.Finished
	}
	return told
}
