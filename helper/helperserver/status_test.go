package helperserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(h *Helper, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	StatusHandler(h).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestStatus(t *testing.T) {
	f := newFixture(t, 4, nil)
	file := newFile(t, 1000, someParams, 1<<20, 30)
	reading, release := make(chan struct{}), make(chan struct{})
	file.before = func(int64) error {
		close(reading)
		<-release
		return nil
	}
	client := dial(t, f.address)
	done := make(chan error, 1)
	go func() {
		_, err := file.upload(t.Context(), client)
		done <- err
	}()
	<-reading
	w := get(f.helper, http.MethodGet, "/helper_status")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "Helper Status")
	require.Contains(t, w.Body.String(), file.si.Abbrev()+"</td>")
	require.NotContains(t, w.Body.String(), file.si.String())
	close(release)
	require.NoError(t, <-done)

	w = get(f.helper, http.MethodGet, "/helper_status?t=json")
	require.Equal(t, "text/plain", w.Header().Get("Content-Type"))
	require.True(t, strings.HasPrefix(w.Body.String(), "{\n \"chk_upload_helper.active_uploads\": 0,\n \"chk_upload_helper.incoming_count\": 0,"), w.Body)
	require.True(t, strings.HasSuffix(w.Body.String(), "\n \"chk_upload_helper.encoded_bytes\": 1000\n}\n"), w.Body)
	var all map[string]int64
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &all))
	require.Len(t, all, 13)
	require.EqualValues(t, 1000, all["chk_upload_helper.fetched_bytes"])
	sums := map[string]float64{}
	stats, err := f.helper.Stats()
	require.NoError(t, err)
	stats.Add(sums)
	require.EqualValues(t, 1, sums["chk_upload_helper.upload_need_upload"])

	require.Contains(t, get(nil, http.MethodGet, "/").Body.String(), "No helper is running")
	require.Equal(t, "{}\n", get(nil, http.MethodGet, "/?t=json").Body.String())
	require.Equal(t, http.StatusBadRequest, get(nil, http.MethodGet, "/?t=xml").Code)
	require.Equal(t, http.StatusMethodNotAllowed, get(nil, http.MethodPost, "/").Code)
	require.NoError(t, f.helper.Close())
	require.Equal(t, http.StatusInternalServerError, get(f.helper, http.MethodGet, "/").Code)
}
