package storagehttp

import (
	"math"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// The headers count bytes to the last one, grid.Range to the one after it.

// formatRange is the Range header for a range that is not empty.
func formatRange(r grid.Range) string {
	return "bytes=" + firstLast(r)
}

// parseRange reads the Range headers that 1.20 serves: a single range of bytes
// with both ends. ok is false for all others (http_server.py read_range over
// werkzeug's parse_range_header). Numbers too large are cut.
func parseRange(value string) (r grid.Range, ok bool) {
	unit, rest, ok := strings.Cut(value, "=")
	if !ok || strings.ToLower(strings.TrimSpace(unit)) != "bytes" || strings.Contains(rest, ",") {
		return grid.Range{}, false
	}
	return parseFirstLast(rest)
}

// formatContentRange is the Content-Range header for a range that is not empty.
func formatContentRange(r grid.Range) string {
	return "bytes " + firstLast(r) + "/*"
}

// parseContentRange reads bytes A-B/* or bytes A-B/TOTAL with A <= B, A below
// TOTAL (werkzeug's parse_content_range_header).
func parseContentRange(value string) (r grid.Range, ok bool) {
	unit, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok || unit != "bytes" {
		return grid.Range{}, false
	}
	ends, total, ok := strings.Cut(strings.TrimSpace(rest), "/")
	if !ok {
		return grid.Range{}, false
	}
	if r, ok = parseFirstLast(ends); !ok {
		return grid.Range{}, false
	}
	if total != "*" {
		size, ok := parseDigits(total)
		if !ok || r.Begin >= size {
			return grid.Range{}, false
		}
	}
	return r, true
}

func firstLast(r grid.Range) string {
	return strconv.FormatInt(r.Begin, 10) + "-" + strconv.FormatInt(r.End-1, 10)
}

// parseFirstLast reads A-B with A <= B.
func parseFirstLast(text string) (r grid.Range, ok bool) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return grid.Range{}, false
	}
	begin, ok1 := parseDigits(first)
	end, ok2 := parseDigits(last)
	if !ok1 || !ok2 || begin > end {
		return grid.Range{}, false
	}
	return grid.Range{Begin: min(begin, maxPosition-1), End: min(end, maxPosition-1) + 1}, true
}

// parseDigits reads a number without sign, with spaces around it, cut to
// maxPosition.
func parseDigits(text string) (n int64, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" || !onlyOf(text, "0123456789") {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		n = math.MaxInt64 // out of range is the only error left
	}
	return min(n, maxPosition), true
}
