package helperserver

import (
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

func (h *Helper) sweepNowAndThen() {
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.sweep(now)
		case <-h.ctx.Done():
			return
		}
	}
}

// sweep removes files of uploads that nobody came back to: old ones, and the
// oldest of too many.
func (h *Helper) sweep(now time.Time) {
	var idle []entry
	known := make(map[grid.StorageIndex]bool)
	for _, dir := range []string{incomingDir, encodingDir} {
		entries, err := h.files.list(dir)
		if err != nil {
			h.log.Error("look for old uploads", "err", err)
			return
		}
		for _, e := range entries {
			known[e.si] = true
			idle = append(idle, e)
		}
	}
	records, err := h.files.list(syncedDir)
	if err != nil {
		h.log.Error("look for old uploads", "err", err)
		return
	}
	for _, e := range records {
		if !known[e.si] {
			h.removeIdle(e.si)
		}
	}
	slices.SortFunc(idle, func(a, b entry) int { return a.changed.Compare(b.changed) })
	for i, e := range idle {
		if len(idle)-i > h.cfg.MaxFiles || now.Sub(e.changed) > h.cfg.MaxAge {
			h.log.Info("unfinished upload removed", "si", e.si.Abbrev(), "size", e.size, "changed", e.changed)
			h.removeIdle(e.si)
		}
	}
}

// removeIdle removes the files of an upload that is not active. It holds h.mu, so
// that none begins meanwhile.
func (h *Helper) removeIdle(si grid.StorageIndex) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active[si] != nil {
		return
	}
	if err := h.files.remove(si); err != nil {
		h.log.Error("remove an unfinished upload", "si", si.Abbrev(), "err", err)
	}
}
