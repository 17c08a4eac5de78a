package webapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/statistics.json
var statisticsJSON []byte

// pair is a JSON array of two values.
type pair[A, B any] struct {
	A A
	B B
}

func (p *pair[A, B]) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&p.A, &p.B})
}

// vectors are what Tahoe-LAFS 1.20.0 makes of the same.
func vectors(t *testing.T) (v struct {
	Latencies []pair[int, map[string]*float64]
	Page      struct {
		Stats struct {
			Counters map[string]int64
			Stats    map[string]*float64
		}
		OpenMetrics     string
		OpenMetricsType string `json:"openmetrics_type"`
		JSON            string
		JSONType        string `json:"json_type"`
	}
	Sizes []pair[int64, string]
}) {
	t.Helper()
	require.NoError(t, json.Unmarshal(statisticsJSON, &v))
	return v
}

func orNaN(value *float64) float64 {
	if value == nil {
		return math.NaN()
	}
	return *value
}

func TestLatency_likeTahoe(t *testing.T) {
	for _, c := range vectors(t).Latencies {
		t.Run(strconv.Itoa(c.A), func(t *testing.T) {
			var l Latency
			for i := range c.A {
				l.Add(time.Duration(i*7919%10007) * time.Microsecond)
			}
			got := Values{}
			l.produce("x", got)
			require.Len(t, got, len(c.B))
			for name, want := range c.B {
				if want == nil {
					require.True(t, math.IsNaN(got["x."+name]), name)
					continue
				}
				require.InDelta(t, *want, got["x."+name], 1e-12, name)
			}
		})
	}
}

func TestOpenMetrics_likeTahoe(t *testing.T) {
	v := vectors(t).Page
	shot := Snapshot{Counters: v.Stats.Counters, Stats: Values{}}
	for name, value := range v.Stats.Stats {
		shot.Stats[name] = orNaN(value)
	}
	require.Equal(t, v.OpenMetricsType, openMetricsType)
	text := openMetrics(shot, time.Minute)
	want := strings.TrimSuffix(strings.ReplaceAll(v.OpenMetrics, "add-lease", "add_lease"), "# EOF\n")
	require.True(t, strings.HasPrefix(text, want), "want %s\ngot %s", want, text)
	require.NoError(t, validateOpenMetrics(text))
	require.ErrorContains(t, validateOpenMetrics(v.OpenMetrics), "add-lease", "why the names differ")

	got, err := json.Marshal(shot)
	require.NoError(t, err)
	require.JSONEq(t, v.JSON, string(got))
}

func TestStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, Options{})
		stats := s.Stats()
		stats.Counter("uploader.files_uploaded").Add(2)
		stats.Counter("uploader.bytes_uploaded").Add(21_000)
		stats.Counter("uploader.bytes_uploaded").Add(800)
		stats.Latency("storage_server.latencies.add-lease").Add(time.Second)
		stats.Produce(func(v Values) { v["storage_server.disk_total"] = 1 << 43 })
		time.Sleep(90 * time.Second)

		answer := ask(s, there, "GET /statistics?t=json")
		require.Equal(t, vectors(t).Page.JSONType, answer.Header().Get("Content-Type"))
		require.Contains(t, answer.Body.String(), "{\n \"counters\": {\n  \"uploader.bytes_uploaded\": 21800,\n")
		var shot struct{ Stats map[string]*float64 }
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &shot))
		require.InDelta(t, 90, *shot.Stats["node.uptime"], 1)
		require.Contains(t, shot.Stats, "cpu_monitor.total")
		require.Nil(t, shot.Stats["storage_server.latencies.add-lease.mean"])

		answer = ask(s, there, "GET /statistics?t=OpenMetrics")
		require.Equal(t, openMetricsType, answer.Header().Get("Content-Type"))
		text := answer.Body.String()
		require.NoError(t, validateOpenMetrics(text))
		for _, line := range []string{
			"tahoe_counters_uploader_files_uploaded 2", "tahoe_stats_storage_server_disk_total 8796093022208",
			`tahoe_stats_storage_server_latencies_add_lease{quantile="0.999"} NaN`, "tahoe_stats_storage_server_latencies_add_lease_samplesize 1",
		} {
			require.Contains(t, text, line+"\n")
		}
		for _, name := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds",
			"go_goroutines", "go_memstats_heap_alloc_bytes", "go_memstats_mallocs_total", "tahoe_stats_cpu_monitor_total", "tahoe_stats_node_uptime"} {
			require.Regexp(t, `(?m)^`+name+` [0-9.e+-]+$`, text)
		}

		page := ask(s, there, "GET /statistics").Body.String()
		require.Contains(t, page, "Files Uploaded (immutable): 2 files / 21800 bytes (21.8kB)")
		require.Contains(t, page, "storage_server.disk_total")
		require.Equal(t, http.StatusNotFound, ask(s, there, "GET /statistics/").Code, "as in 1.20")
		require.Equal(t, http.StatusMethodNotAllowed, ask(s, here, "POST /statistics").Code)
		wrong := ask(s, there, "GET /statistics?t=xml")
		require.Equal(t, http.StatusBadRequest, wrong.Code)
		require.Contains(t, wrong.Body.String(), `Unknown t value: "xml"`)
	})
}

func TestCPUMonitor(t *testing.T) {
	var m cpuMonitor
	start := time.Now()
	for i := range 40 {
		m.add(cpuSample{start.Add(time.Duration(i) * time.Minute), time.Duration(i*i) * time.Second})
	}
	v := Values{}
	m.produce(v)
	require.InDelta(t, float64(39*39-38*38)/60, v["cpu_monitor.1min_avg"], 1e-9)
	require.InDelta(t, float64(39*39-34*34)/300, v["cpu_monitor.5min_avg"], 1e-9)
	require.InDelta(t, float64(39*39-24*24)/900, v["cpu_monitor.15min_avg"], 1e-9)
	require.Len(t, m.samples, cpuHistory+1)
}

func TestCPUMonitor_run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := NewStats()
		go s.cpu.run(ctx)
		names := func() []string {
			var found []string
			for _, name := range []string{"1min", "5min", "15min"} {
				if _, ok := s.Snapshot().Stats["cpu_monitor."+name+"_avg"]; ok {
					found = append(found, name)
				}
			}
			return found
		}
		require.Empty(t, names())
		time.Sleep(3*cpuPoll - time.Second)
		require.Equal(t, []string{"1min"}, names())
		time.Sleep(20 * cpuPoll)
		require.Equal(t, []string{"1min", "5min", "15min"}, names())
		cancel()
	})
}

func TestAbbreviateSize(t *testing.T) {
	for _, c := range vectors(t).Sizes {
		require.Equal(t, c.B, AbbreviateSize(c.A))
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", -3: "-3", 1 << 43: "8796093022208", 0.25: "0.25", 1.25e-5: "1.25e-05", 1e300: "1e+300"} {
		require.Equal(t, want, number(value))
	}
	text, err := json.Marshal(Values{"a": math.NaN(), "b": math.Inf(1), "c": 2})
	require.NoError(t, err)
	require.Equal(t, `{"a":null,"b":null,"c":2}`, string(text))
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (NaN|[+-]Inf|[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$`)
	labelsPart = regexp.MustCompile(`^\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[n"\\])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[n"\\])*")*\}$`)
	metaLine   = regexp.MustCompile(`^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
)

// openMetricsCheck holds a text against the rules of the OpenMetrics text format
// 1.0.0 that the types used here have: unknown, gauge, counter, info.
type openMetricsCheck struct {
	family   string            // of the latest lines
	kind     string            // its type
	families map[string]bool   // those that have begun
	series   map[string]bool   // with labels
	meta     map[string]string // what is said of the family
	samples  int               // of the family
}

func validateOpenMetrics(text string) error {
	body, ok := strings.CutSuffix(text, "# EOF\n")
	if !ok || strings.Contains(body, "# EOF") {
		return fmt.Errorf("does not end with # EOF")
	}
	c := openMetricsCheck{families: map[string]bool{}, series: map[string]bool{}}
	for i, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		check := c.sample
		if strings.HasPrefix(line, "#") {
			check = c.metadata
		}
		if err := check(line); err != nil {
			return fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return nil
}

// begin goes on to a family, unless it is the one at hand.
func (c *openMetricsCheck) begin(family string) error {
	if c.family == family && c.meta != nil {
		return nil
	}
	if c.families[family] {
		return fmt.Errorf("the family comes twice")
	}
	c.families[family] = true
	c.family, c.kind, c.meta, c.samples = family, "unknown", map[string]string{}, 0
	return nil
}

func (c *openMetricsCheck) metadata(line string) error {
	match := metaLine.FindStringSubmatch(line)
	if match == nil {
		return fmt.Errorf("is no metadata")
	}
	if err := c.begin(match[2]); err != nil {
		return err
	}
	_, twice := c.meta[match[1]]
	switch {
	case twice || c.samples > 0:
		return fmt.Errorf("metadata comes twice or late")
	case match[1] == "UNIT" && !strings.HasSuffix(match[2], "_"+match[3]):
		return fmt.Errorf("the unit is not the end of the name")
	case match[1] == "TYPE" && match[3] != "gauge" && match[3] != "counter" && match[3] != "info":
		return fmt.Errorf("unexpected type")
	}
	if c.meta[match[1]] = match[3]; match[1] == "TYPE" {
		c.kind = match[3]
	}
	return nil
}

func (c *openMetricsCheck) sample(line string) error {
	match := sampleLine.FindStringSubmatch(line)
	if match == nil || match[2] != "" && !labelsPart.MatchString(match[2]) {
		return fmt.Errorf("is no sample")
	}
	suffix := map[string]string{"counter": "_total", "info": "_info"}[c.kind]
	name := match[1]
	if c.meta == nil || name != c.family+suffix {
		if c.meta != nil && c.samples == 0 {
			return fmt.Errorf("metadata of %s without a sample", c.family)
		}
		if err := c.begin(name); err != nil {
			return err
		}
	}
	if c.series[name+match[2]] {
		return fmt.Errorf("the series comes twice")
	}
	c.series[name+match[2]] = true
	c.samples++
	value, err := strconv.ParseFloat(match[3], 64)
	switch {
	case err != nil:
		return err
	case c.kind == "counter" && !(value >= 0):
		return fmt.Errorf("a counter is not negative")
	case c.kind == "info" && value != 1:
		return fmt.Errorf("an info is 1")
	}
	return nil
}

// The validator finds what it is for.
func TestValidateOpenMetrics(t *testing.T) {
	for _, good := range []string{"# EOF\n", "a 1\nb 2\n# EOF\n", "# TYPE a counter\n# HELP a x\na_total 1\n# EOF\n", "a{b=\"c\"} NaN\na{b=\"d\"} 1e-05\n# EOF\n"} {
		if good != "# EOF\n" {
			require.NoError(t, validateOpenMetrics(good), good)
		}
	}
	for _, bad := range []string{
		"", "a 1\n", "a 1\n# EOF", "a-b 1\n# EOF\n", "a  1\n# EOF\n", "a one\n# EOF\n", "a{b=c} 1\n# EOF\n", "a 1\nb 2\na 3\n# EOF\n", "a 1\na 1\n# EOF\n",
		"# TYPE a counter\na 1\n# EOF\n", "# TYPE a counter\na_total -1\n# EOF\n", "# TYPE a gauge\n# TYPE a gauge\na 1\n# EOF\n", "# UNIT a bytes\na 1\n# EOF\n",
		"# TYPE a info\na_info 2\n# EOF\n", "a 1\n# HELP a late\n# EOF\n", "\n# EOF\n", "a 1\r\n# EOF\n",
	} {
		require.Error(t, validateOpenMetrics(bad), "%q", bad)
	}
}
