package webapi

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// openMetricsType is the media type of the OpenMetrics text format 1.0.0.
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

var (
	percentileSuffix = regexp.MustCompile(`_(\d\d)_(\d)_percentile`)
	notInName        = regexp.MustCompile(`[^a-zA-Z0-9_:{}=".]`)
)

// openMetrics writes the statistics as 1.20 does (web/status.py class Statistics,
// render_OPENMETRICS): sorted, without metadata, percentiles as label quantile.
// But the hyphen of add-lease, which the format does not allow in a name and
// which makes Prometheus refuse the whole page, becomes an underscore. The
// metrics of the process follow, with metadata.
func openMetrics(shot Snapshot, uptime time.Duration) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(shot.Counters)) {
		fmt.Fprintf(&b, "tahoe_counters_%s %d\n", metricName(name), shot.Counters[name])
	}
	for _, name := range slices.Sorted(maps.Keys(shot.Stats)) {
		fmt.Fprintf(&b, "tahoe_stats_%s %s\n", metricName(name), metricValue(shot.Stats[name]))
	}
	for _, m := range processMetrics(uptime) {
		m.write(&b)
	}
	b.WriteString("# EOF\n")
	return b.String()
}

func metricName(name string) string {
	name = strings.ReplaceAll(name, ".", "_")
	return notInName.ReplaceAllString(percentileSuffix.ReplaceAllString(name, `{quantile="0.$1$2"}`), "_")
}

func metricValue(value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "NaN"
	}
	return number(value)
}

// write adds the lines of a metric. Names of units end the family's name, and
// counters have _total behind it, infos _info.
func (m metric) write(b *strings.Builder) {
	fmt.Fprintf(b, "# TYPE %s %s\n", m.family, m.kind)
	for _, unit := range []string{"bytes", "seconds"} {
		if strings.HasSuffix(m.family, "_"+unit) {
			fmt.Fprintf(b, "# UNIT %s %s\n", m.family, unit)
		}
	}
	suffix := map[string]string{"counter": "_total", "info": "_info"}[m.kind]
	fmt.Fprintf(b, "# HELP %s %s\n%s%s%s %s\n", m.family, m.help, m.family, suffix, m.labels, strconv.FormatFloat(m.value, 'g', -1, 64))
}
