package helperserver

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// oldAge is when files count as old in the statistics (offloaded.py get_stats).
const oldAge = 48 * time.Hour

// counters count since the start.
type counters struct {
	requests, present, needed, resumes, fetched, encoded atomic.Int64
}

// Stats are the statistics of a helper: numbers since its start, and sizes in
// bytes of what is on its disk. Old means not changed for 48 hours.
type Stats struct {
	ActiveUploads                                int64
	IncomingCount, IncomingSize, IncomingSizeOld int64
	EncodingCount, EncodingSize, EncodingSizeOld int64
	UploadRequests, AlreadyPresent, NeedUpload   int64
	Resumes                                      int64
	FetchedBytes, EncodedBytes                   int64 // of ciphertext
}

// Stat is one number under its name in Tahoe.
type Stat struct {
	Name  string
	Value int64
}

// All returns the statistics under the names and in the order of 1.20
// (offloaded.py get_stats).
func (s Stats) All() []Stat {
	const prefix = "chk_upload_helper."
	return []Stat{
		{prefix + "active_uploads", s.ActiveUploads},
		{prefix + "incoming_count", s.IncomingCount},
		{prefix + "incoming_size", s.IncomingSize},
		{prefix + "incoming_size_old", s.IncomingSizeOld},
		{prefix + "encoding_count", s.EncodingCount},
		{prefix + "encoding_size", s.EncodingSize},
		{prefix + "encoding_size_old", s.EncodingSizeOld},
		{prefix + "upload_requests", s.UploadRequests},
		{prefix + "upload_already_present", s.AlreadyPresent},
		{prefix + "upload_need_upload", s.NeedUpload},
		{prefix + "resumes", s.Resumes},
		{prefix + "fetched_bytes", s.FetchedBytes},
		{prefix + "encoded_bytes", s.EncodedBytes},
	}
}

// Add adds the statistics to those of a node.
func (s Stats) Add(to map[string]float64) {
	for _, stat := range s.All() {
		to[stat.Name] = float64(stat.Value)
	}
}

// MarshalJSON writes an object as 1.20's json.dumps with indent=1 does, without
// the newline at the end.
func (s Stats) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, stat := range s.All() {
		fmt.Fprintf(&b, "%s\n %q: %d", []string{"{", ","}[min(i, 1)], stat.Name, stat.Value)
	}
	b.WriteString("\n}")
	return b.Bytes(), nil
}

// Stats looks at the disk and returns the statistics of now.
func (h *Helper) Stats() (Stats, error) {
	s := Stats{
		UploadRequests: h.counters.requests.Load(), AlreadyPresent: h.counters.present.Load(), NeedUpload: h.counters.needed.Load(),
		Resumes: h.counters.resumes.Load(), FetchedBytes: h.counters.fetched.Load(), EncodedBytes: h.counters.encoded.Load(),
	}
	h.mu.Lock()
	s.ActiveUploads = int64(len(h.active))
	h.mu.Unlock()
	now := time.Now()
	var err error
	if s.IncomingCount, s.IncomingSize, s.IncomingSizeOld, err = h.count(incomingDir, now); err != nil {
		return s, err
	}
	s.EncodingCount, s.EncodingSize, s.EncodingSizeOld, err = h.count(encodingDir, now)
	return s, err
}

func (h *Helper) count(dir string, now time.Time) (count, size, old int64, err error) {
	entries, err := h.files.list(dir)
	for _, e := range entries {
		count++
		size += e.size
		if now.Sub(e.changed) > oldAge {
			old += e.size
		}
	}
	return count, size, old, err
}

// UploadStatus is how far an active upload is.
type UploadStatus struct {
	SI      grid.StorageIndex
	Started time.Time
	Phase   string // Fetching, Waiting or Pushing
	Size    int64  // of the file in bytes; 0 while unknown
	Fetched int64  // bytes of ciphertext that are here
	Pushed  int64  // bytes of ciphertext that went into shares
}

// Uploads returns the active uploads, the oldest first.
func (h *Helper) Uploads() []UploadStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]UploadStatus, 0, len(h.active))
	for _, in := range h.active {
		u := UploadStatus{SI: in.si, Started: in.started, Phase: in.phase.Load().(string), Size: in.size.Load(), Pushed: in.pushed.Load()}
		u.Fetched = in.here.Load()
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b UploadStatus) int { return a.Started.Compare(b.Started) })
	return list
}
