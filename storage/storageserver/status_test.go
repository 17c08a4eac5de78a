package storageserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// tick is how often a test looks again.
const tick = 5 * time.Millisecond

func get(s *storageserver.Service, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	storageserver.StatusHandler(s).ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}

func statusJSON(t testing.TB, s *storageserver.Service) map[string]map[string]any {
	t.Helper()
	w := get(s, http.MethodGet, "/storage?t=json")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/plain", w.Header().Get("Content-Type"))
	var told map[string]map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &told))
	return told
}

func indexComplete(t testing.TB, s *storageserver.Service) bool {
	return statusJSON(t, s)["arm-tahoe"]["index"].(map[string]any)["complete"].(bool)
}

func TestStatusJSON(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "[storage]\nreserved_space = 1G\n", "[storage]\nsize_limit = 5G\n"))
	require.Eventually(t, func() bool { return indexComplete(t, n.service) }, patience, tick)
	for range 20 {
		require.NoError(t, store(t.Context(), n.client(t), freshSI(), storagetest.Lease('a'), []byte("ten bytes.")))
	}
	told := statusJSON(t, n.service)

	stats := told["stats"]
	for _, name := range []string{
		"allocated", "reserved_space", "disk_total", "disk_used", "disk_free_for_root", "disk_free_for_nonroot",
		"disk_avail", "accepting_immutable_shares", "total_bucket_count",
		"latencies.allocate.samplesize", "latencies.write.mean", "latencies.close.50_0_percentile",
	} {
		require.IsType(t, float64(0), stats["storage_server."+name], name)
	}
	require.EqualValues(t, 20, stats["storage_server.latencies.allocate.samplesize"])
	require.Contains(t, stats, "storage_server.latencies.allocate.99_9_percentile")
	require.Nil(t, stats["storage_server.latencies.allocate.99_9_percentile"], "too few samples")
	require.EqualValues(t, 1e9, stats["storage_server.reserved_space"])

	// The keys that 1.20.0 has between two cycles (crawler.py, expirer.py).
	crawler := []string{"version", "last-cycle-finished", "current-cycle", "last-complete-prefix", "last-complete-bucket", "current-cycle-start-time"}
	for _, key := range append(crawler, "bucket-counts", "last-complete-bucket-count", "storage-index-samples") {
		require.Contains(t, told["bucket-counter"], key)
	}
	require.EqualValues(t, 20, told["bucket-counter"]["last-complete-bucket-count"])
	for _, key := range append(crawler, "history") {
		require.Contains(t, told["lease-checker"], key)
	}
	require.Equal(t, map[string]any{
		"cycle-in-progress": false, "next-crawl-time": nil, "remaining-wait-time": nil, "estimated-time-per-cycle": nil,
	}, told["lease-checker-progress"])
	require.EqualValues(t, 5e9, told["arm-tahoe"]["size-limit"])
	require.EqualValues(t, 20, told["arm-tahoe"]["shares"].(map[string]any)["immutable"])

	counters := n.service.Counters()
	require.EqualValues(t, 20, counters["storage_server.allocate"])
	require.EqualValues(t, 20, counters["storage_server.close"])
	require.EqualValues(t, 200, counters["storage_server.bytes_added"])
}

func TestStatusPage(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(),
		"[node]\nnickname = <b>me</b>\n[storage]\nexpire.enabled = true\nexpire.mode = cutoff-date\nexpire.cutoff_date = 2020-01-02\nexpire.mutable = false\n",
		"[storage]\nscrub_rate = 1M\n"))
	w := get(n.service, http.MethodGet, "/storage")
	require.Equal(t, http.StatusOK, w.Code)
	body := w.Body.String()
	for _, text := range []string{
		"Storage Server Status", "&lt;b&gt;me&lt;/b&gt;", n.cfg.Certificate.TubID().String(),
		"Accepting new shares: Yes", "before 2020-01-02", "may be removed: immutable.", "On, at 1.00 MB per second",
	} {
		require.Contains(t, body, text)
	}
	require.NotContains(t, body, swissnum(t, n.fields.FURL))
	require.NotContains(t, body, "no value")
	require.NotContains(t, body, "<b>")
}

func TestStatusRequests(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "", ""))
	for _, row := range []struct {
		method, url string
		service     *storageserver.Service
		status      int
		text        string
	}{
		{"GET", "/storage?t=JSON", n.service, 200, `"stats"`},
		{"GET", "/storage?t=html", n.service, 200, "Off: no share is ever removed"},
		{"HEAD", "/storage", n.service, 200, ""},
		{"GET", "/storage?t=xml", n.service, 400, `Unknown t value: "xml"`},
		{"POST", "/storage", n.service, 405, ""},
		{"GET", "/storage", nil, 200, "No Storage Server Running"},
		{"GET", "/storage?t=json", nil, 500, "no storage server"},
	} {
		w := get(row.service, row.method, row.url)
		require.Equal(t, row.status, w.Code, row.url)
		require.Contains(t, w.Body.String(), row.text)
	}
}
