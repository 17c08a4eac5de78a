package storageserver

import "github.com/besn0847/arm-tahoe/storage/sharestore"

// Counters are what has happened since the start, under Tahoe's names, such as
// storage_server.allocate and storage_server.bytes_added.
func (s *Service) Counters() map[string]int64 {
	named := map[string]int64{}
	for name, count := range s.observed.counts() {
		named["storage_server."+name] = count
	}
	return named
}

// Stats are the numbers of the moment, under Tahoe's names (server.py get_stats):
// bytes as int64, seconds as float64, nil for a percentile of too few samples.
// Names that 1.20 leaves out if it does not know a number are left out.
func (s *Service) Stats() map[string]any {
	status, err := s.store.Status()
	if err != nil {
		s.cfg.Log.Warn("no statistics of the disk", "err", err)
	}
	return s.stats(status, err == nil)
}

func (s *Service) stats(status sharestore.Status, diskKnown bool) map[string]any {
	stats := map[string]any{
		"storage_server.allocated":                  status.Promised,
		"storage_server.reserved_space":             s.cfg.Node.Storage.ReservedSpace,
		"storage_server.accepting_immutable_shares": int64(0),
	}
	for op, took := range s.observed.sorted() {
		for name, value := range summary(took) {
			stats["storage_server.latencies."+op+"."+name] = value
		}
	}
	if diskKnown {
		stats["storage_server.disk_total"] = status.Disk.Total
		stats["storage_server.disk_used"] = status.Disk.Total - status.Disk.FreeForRoot
		stats["storage_server.disk_free_for_root"] = status.Disk.FreeForRoot
		stats["storage_server.disk_free_for_nonroot"] = status.Disk.FreeForNonRoot
		stats["storage_server.disk_avail"] = status.Available
	}
	if status.Available > 0 {
		stats["storage_server.accepting_immutable_shares"] = int64(1)
	}
	if t := status.Totals; t.Complete && t.Buckets > 0 {
		stats["storage_server.total_bucket_count"] = t.Buckets
	}
	return stats
}
